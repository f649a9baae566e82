"""`companion failures`: list the requests that got a problem and no answer."""

import click

from companion.commands._listing import listing_command
from companion.store import FailedRequest, read_failures

__all__ = ["command"]


def _cells(failed: FailedRequest) -> tuple[str, ...]:
    return (
        f"{failed.created_at:%Y-%m-%d %H:%M:%S}",
        str(failed.status),
        failed.problem,
        failed.reason or "",
        failed.model_name or "",
        failed.model_version or "",
        failed.id,
    )


command = listing_command(
    FailedRequest,
    read_failures,
    noun="failure",
    text="""List the requests that were refused or failed, the newest first.

    Below 500 a request was at fault, from 500 on the server or its model. The
    reason is that of the first row that was refused. What a client sent is not
    kept; its answer has the same request id.
    """,
    example="companion failures --since 2h --reason out_of_range",
    searched="the problem, the reason or the model's name",
    columns=(
        "created_at (UTC)",
        "status",
        "problem",
        "reason",
        "model",
        "version",
        "request id",
    ),
    cells=_cells,
    right=("status",),
    filters=(
        click.option("--model", metavar="NAME", help="To the model of this name."),
        click.option("--version", metavar="VERSION", help="To this version."),
        click.option("--problem", metavar="PROBLEM", help="With this problem."),
        click.option("--reason", metavar="REASON", help="With this reason."),
    ),
)
