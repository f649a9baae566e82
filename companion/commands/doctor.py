"""`companion doctor`: check this computer for what a purpose needs."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence

import click

from companion import __version__
from companion.commands._options import setting_option
from companion.system.doctor import PURPOSES, Check, Purpose, run_checks

__all__ = ["command"]

_COLOURS = {"ok": "green", "missing": "red", "problem": "yellow"}
_MARKS = {"ok": "✓", "missing": "✗", "problem": "!"}
_ASCII_MARKS = {"ok": "+", "missing": "x", "problem": "!"}


@click.command(
    "doctor",
    epilog="Example: companion doctor --for serving --port 8001",
    short_help="Check that this computer has what the course needs.",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    default="learning",
    show_default=True,
    help="What the computer is to be used for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@setting_option("host")
@setting_option("port", type=click.IntRange(1, 65535))
def command(*, purpose: Purpose, as_json: bool, host: str, port: int) -> int:
    """Check that this computer has what the course needs, or a part of the package.

    --for says which: `learning`, the course with all its chapters; `serving`, a
    model server at work; `llm`, language models and the records of their calls.
    It looks at Python, at the libraries of the extras, at the folder you are in,
    and where they matter at Git, Jupyter, the language model and the port of the
    model server. It says what to do for each thing that is missing, and what
    needs it. Nothing is changed.

    Exit code: 0 when everything required is there, 1 otherwise. Extras marked
    as optional do not count.
    """
    from companion.llm.local.weights import find_weights

    def run(purpose: Purpose) -> list[Check]:
        return run_checks(
            find_weights=find_weights, port=port, host=host, purpose=purpose
        )

    checks = run(purpose)
    n_unmet = len(_unmet(checks))
    if as_json:
        click.echo(_format_json(checks, purpose=purpose, ok=not n_unmet))
        return 1 if n_unmet else 0
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    others = [one for one in PURPOSES if one != purpose] if n_unmet else []
    ready = [one for one in others if not _unmet(run(one))]
    lines = [
        f"companion {__version__}, checked for {purpose}",
        *_format_lines(checks, encoding=encoding),
        _sum_up(n_unmet, purpose, ready),
    ]
    for line in lines:
        click.echo(_make_printable(line, encoding))
    return 1 if n_unmet else 0


def _unmet(checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.required and check.status != "ok"]


def _format_json(checks: Sequence[Check], *, purpose: Purpose, ok: bool) -> str:
    return json.dumps(
        {
            "companion": __version__,
            "for": purpose,
            "ok": ok,
            "checks": [dataclasses.asdict(check) for check in checks],
        },
        indent=2,
    )


def _format_lines(checks: Sequence[Check], *, encoding: str) -> Iterator[str]:
    marks = _MARKS if _can_print("".join(_MARKS.values()), encoding) else _ASCII_MARKS
    width = max(len(check.name) for check in checks)
    for check in checks:
        label = f"{marks[check.status]} {check.status}"
        # Padded before it is coloured: colour codes add length and no width.
        status = click.style(f"{label:<9}", fg=_COLOURS[check.status])
        yield f"{status}  {check.name:<{width}}  {check.found}{_who_needs(check)}"
        if check.remedy:
            yield f"{'':<13}{check.remedy}"


def _who_needs(check: Check) -> str:
    if not check.required:
        return " (optional)"
    if check.status == "ok" or not check.purposes:
        return ""
    return f" (needed for {', '.join(check.purposes)})"


def _sum_up(n_unmet: int, purpose: Purpose, ready: Sequence[Purpose]) -> str:
    option = "" if purpose == "learning" else f" --for {purpose}"
    if n_unmet == 0:
        needed = "" if purpose == "learning" else f" for {purpose}"
        return f"Everything that is required{needed} is there."
    things = "1 thing needs" if n_unmet == 1 else f"{n_unmet} things need"
    there = f" What {' and '.join(ready)} need{'s' * (len(ready) == 1)} is there."
    return (
        f"{things} your attention. Run `companion doctor{option}` again after each "
        f"fix.{there if ready else ''}"
    )


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
