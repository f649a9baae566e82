"""`companion calls`: list the calls to language models in the log."""

import click

from companion.commands._listing import listing_command
from companion.llm.recording.messages import plain_text
from companion.store import OUTCOMES, LLMCall, read_calls

__all__ = ["command"]


def _cells(call: LLMCall) -> tuple[str, ...]:
    last = call.prompt[-1].get("content") if call.prompt else ""
    return (
        f"{call.created_at:%Y-%m-%d %H:%M:%S}",
        call.id,
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


command = listing_command(
    LLMCall,
    read_calls,
    noun="call",
    text="""List the calls to language models in the log, the newest first.

    Tokens are those of the prompt + those of the completion, ? where the number
    is not known. Of a prompt the last message is shown; of a call that failed
    the error stands in place of the completion. An id is cut where the rest tells
    nothing, and --id takes its start. --json prints all of it.

    --grep ignores case, and takes any white space for any other.
    """,
    example="companion calls --since 2h --grep umbrella",
    searched="the prompt, the completion, the error or the model's name",
    columns=(
        "created_at (UTC)",
        "id",
        "model",
        "outcome",
        "tokens",
        "latency_ms",
        "prompt",
        "completion",
    ),
    cells=_cells,
    right=("tokens", "latency_ms"),
    n_elastic=2,
    filters=(
        click.option("--model", metavar="NAME", help="To the model of this name."),
        click.option(
            "--outcome", type=click.Choice(OUTCOMES), help="With this outcome."
        ),
    ),
)
