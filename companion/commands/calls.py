"""`companion calls`: list the calls to language models in the log."""

import json
from datetime import datetime
from pathlib import Path

import click

from companion.commands._options import (
    choice_options,
    echo_waiting,
    journal_option,
    store_option,
)
from companion.commands._table import format_table
from companion.llm.recording.messages import plain_text
from companion.store import OUTCOMES, LLMCall, read_calls

__all__ = ["command"]

_HEADER = (
    "created_at (UTC)",
    "model",
    "outcome",
    "tokens",
    "latency_ms",
    "prompt",
    "completion",
)


@click.command(
    epilog="Example: companion calls --since 2h --outcome error",
    context_settings={"show_default": True},
)
@store_option
@journal_option
@choice_options
@click.option("--model", metavar="NAME", help="To the model of this name.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="That ended so.")
@click.option("--json", "as_json", is_flag=True, help="Print whole rows, as JSON.")
def command(
    *,
    store: str,
    journal: Path | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    model: str | None,
    outcome: str | None,
    as_json: bool,
) -> None:
    """List the calls to language models in the log, the newest first.

    Tokens are those of the prompt + those of the completion, ? where nobody told
    the number. Of a prompt the last message is shown; of a call that failed the
    error stands in place of the completion. --json prints all of it.
    """
    echo_waiting(store, journal, table=LLMCall.table, noun="call")
    calls = read_calls(
        store, limit=limit, since=since, until=until, model=model, outcome=outcome
    )
    if as_json:
        click.echo(json.dumps([call.to_json() for call in calls], indent=2))
    elif calls:
        rows = [_cells(call) for call in calls]
        right = ("tokens", "latency_ms")
        click.echo(format_table(_HEADER, rows, right=right, n_elastic=2))
    elif any(value is not None for value in (since, until, model, outcome)):
        click.echo("No call in the log is like that.")
    else:
        click.echo("No call is in the log yet.")


def _cells(call: LLMCall) -> tuple[str, ...]:
    last = call.prompt[-1].get("content") if call.prompt else ""
    return (
        f"{call.created_at:%Y-%m-%d %H:%M:%S}",
        call.model,
        call.outcome,
        f"{_count(call.input_tokens)}+{_count(call.output_tokens)}",
        "?" if call.latency_ms is None else f"{call.latency_ms:.0f}",
        _in_one_line(plain_text(last)),
        _in_one_line(call.error or call.completion),
    )


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
