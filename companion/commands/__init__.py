"""The subcommands of `companion`, one module each; `companion.cli` finds them."""
