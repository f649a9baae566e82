"""`companion doctor`: check this computer for what the course needs."""

import dataclasses
import json
import sys
from collections.abc import Sequence

import click

from companion import __version__
from companion.commands._options import setting_option
from companion.system.doctor import Check, run_checks

__all__ = ["command"]

_COLOURS = {"ok": "green", "missing": "red", "problem": "yellow"}
_MARKS = {"ok": "✓", "missing": "✗", "problem": "!"}
_ASCII_MARKS = {"ok": "+", "missing": "x", "problem": "!"}


@click.command(
    "doctor",
    epilog="Example: companion doctor --port 8001",
    short_help="Check that this computer has what the course needs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@setting_option("host")
@setting_option("port", type=click.IntRange(1, 65535))
def command(as_json: bool, host: str, port: int) -> int:
    """Check that this computer has what the course needs.

    Looks at Python, Git, Jupyter, the libraries of each extra, the language model,
    the port of the model server and the folder you are in, and says what to do
    for each thing that is missing. Nothing is changed.

    Exit code: 0 when everything required is there, 1 otherwise. Extras marked
    as optional do not count.
    """
    from companion.llm.local.weights import find_weights

    checks = run_checks(find_weights=find_weights, port=port, host=host)
    unmet = [check for check in checks if check.required and check.status != "ok"]
    if as_json:
        click.echo(_format_json(checks, ok=not unmet))
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        for line in _format_lines(checks, n_unmet=len(unmet), encoding=encoding):
            click.echo(line)
    return 1 if unmet else 0


def _format_json(checks: Sequence[Check], *, ok: bool) -> str:
    return json.dumps(
        {
            "companion": __version__,
            "ok": ok,
            "checks": [dataclasses.asdict(check) for check in checks],
        },
        indent=2,
    )


def _format_lines(checks: Sequence[Check], *, n_unmet: int, encoding: str) -> list[str]:
    marks = _MARKS if _can_print("".join(_MARKS.values()), encoding) else _ASCII_MARKS
    width = max(len(check.name) for check in checks)
    lines = [f"companion {__version__}"]
    for check in checks:
        label = f"{marks[check.status]} {check.status}"
        # Padded before it is coloured: colour codes add length and no width.
        status = click.style(f"{label:<9}", fg=_COLOURS[check.status])
        optional = "" if check.required else " (optional)"
        lines.append(f"{status}  {check.name:<{width}}  {check.found}{optional}")
        if check.remedy:
            lines.append(f"{'':<13}{check.remedy}")
    lines.append(_sum_up(n_unmet))
    return [_make_printable(line, encoding) for line in lines]


def _sum_up(n_unmet: int) -> str:
    if n_unmet == 0:
        return "Everything that is required is there."
    things = "1 thing needs" if n_unmet == 1 else f"{n_unmet} things need"
    return f"{things} your attention. Run `companion doctor` again after each fix."


def _can_print(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _make_printable(text: str, encoding: str) -> str:
    # The terminal's encoding may lack characters of a folder's name.
    if _can_print(text, encoding):
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")
