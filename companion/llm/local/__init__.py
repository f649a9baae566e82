"""The language model on this machine: its weights and its server."""
