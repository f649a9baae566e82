"""The command `companion`: finds the subcommand, runs it, prints its errors.

Each subcommand lives in a module of its own under `companion.commands` and is
imported only when it is asked for, so that `companion --help` is quick and
works without any extra.
"""

import importlib
import sys
import traceback
from collections.abc import Sequence

import click

from companion import __version__
from companion.errors import CompanionError

__all__ = ["COMMANDS", "main", "run"]

# Name of the command -> what `companion --help` says of it. The module is
# companion.commands.<name>, the click command in it is called `command`.
COMMANDS = {
    "doctor": "Check that this computer has what the course needs.",
    "train": "Train the lab's model and save it as an MLflow model folder.",
    "profile": "Add ranges and the training data's profile to a model folder.",
    "data": "Keep, list, compare and verify versions of datasets.",
    "gate": "Decide whether a challenger may take the champion's place.",
    "promote": "Point an alias of a registered model to a version.",
    "rollback": "Point an alias back to the version before.",
    "history": "List who moved a registered model's aliases, when and why.",
    "lineage": "Trace a model: data, run, alias and predictions.",
    "reproduce": "Run a model's run again, and compare the metrics.",
    "serve": "Serve a model with checks, a prediction log and health pages.",
    "score": "Predict the rows of a CSV or Parquet file.",
    "card": "Write a model's card from its run, and check what is left to write.",
    "up": "Run MLflow and a model server together, until Ctrl-C.",
    "predictions": "List the predictions in the log.",
    "labels": "Load labels that came later, and count those in the log.",
    "failures": "List the requests that were refused or failed.",
    "calls": "List the calls to language models in the log.",
    "stats": "Count requests, failures and latencies by model, version and time.",
    "ship": "Bring what waits in the journal into the database.",
    "export": "Write the log as Parquet files, one a day.",
    "prune": "Remove old records from the log.",
    "llm": "Fetch, run and stop the language model on this machine.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"companion.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: companion doctor",
)
@click.version_option(__version__, prog_name="companion")
@click.option(
    "--debug",
    is_flag=True,
    envvar="COMPANION_DEBUG",
    help="Show the traceback when something goes wrong.",
)
@click.pass_context
def _group(ctx: click.Context, *, debug: bool) -> None:
    """Track, serve and watch models; the companion of the MLOps book."""
    ctx.obj["debug"] = debug


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after `companion`; by default those of this process.

    Returns
    -------
    int
        Exit code: 0 done, 1 something is wrong and the message says what, 2 wrong
        arguments, 3 and 4 a challenger that did not pass `companion gate`, 3 a run that
        `companion reproduce` could not repeat to the last digit, 70 a bug in companion,
        130 interrupted.
    """
    state = {"debug": False}
    try:
        result = _group.main(
            args=None if argv is None else list(argv),
            prog_name="companion",
            standalone_mode=False,
            obj=state,
        )
    except click.ClickException as err:
        err.show()
        return err.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except CompanionError as err:
        if state["debug"]:
            traceback.print_exc()
        click.echo(f"Error: {err}", err=True)
        return 1
    except Exception as err:  # noqa: BLE001 - the last resort: a message, not a traceback
        if state["debug"]:
            traceback.print_exc()
        click.echo(
            f"Error: {type(err).__name__}: {err}. This is a bug in companion. "
            "Run the command again as `companion --debug …` and report what it shows.",
            err=True,
        )
        return 70
    return result if isinstance(result, int) else 0


def run() -> None:
    """Run one command and leave the process with its exit code."""
    sys.exit(main())
