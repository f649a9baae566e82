"""How long a page is: words of prose, lines of code, pictures, minutes.

`python tests/book/budgets.py [FOLDER]` prints them for each chapter of a folder of
the book, by default module 1. The limits are those of a module that fits a day.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cell_checks import without_options
from frame_checks import is_chapter
from myst import directives, parse

__all__ = [
    "LEAST_PICTURES",
    "MODULE_MINUTES",
    "MOST_CODE",
    "MOST_LAB_MINUTES",
    "MOST_PICTURES",
    "MOST_WORDS",
    "Length",
    "measure",
]

MOST_WORDS = 3_500
MOST_CODE = 250
MOST_PICTURES = 6
LEAST_PICTURES = 3
MODULE_MINUTES = 360
MOST_LAB_MINUTES = 90

_ROOT = Path(__file__).resolve().parents[2]
_TIME = re.compile(
    r"\*\*Time:\*\* about (\d+) minutes, and about (\d+) minutes more for the exercises"
)
_PICTURE = re.compile(r"^:? *alt:", re.MULTILINE)
_FOLDED = re.compile(r"remove-cell|remove-input|hide-input|hide-cell")
_DRAWING = re.compile(r"^:file: .*\.html$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The length of one page.

    Attributes
    ----------
    words : int
        Words of prose: paragraphs, lists, tables, quiz, exercises, captions. No code.
    code : int
        Lines of code that the page shows unfolded, blank ones left out.
    pictures : int
        Figures and drawings.
    minutes : int
        For reading and running, as the page says.
    exercise_minutes : int
        For its exercises, as the page says.
    """

    words: int
    code: int
    pictures: int
    minutes: int
    exercise_minutes: int


def measure(text: str) -> Length:
    """Measure one chapter."""
    found = directives(parse(text))
    cells = [one.content for one in found if one.name == "code-cell"]
    promised = _TIME.search(text)
    return Length(
        words=len(re.findall(r"\S*\w\S*", _prose(text))),
        code=sum(map(_shown_lines, cells)),
        pictures=sum(bool(_PICTURE.search(cell)) for cell in cells)
        + sum(one.name in {"figure", "image"} for one in found)
        + sum(bool(_DRAWING.search(one.content)) for one in found),
        minutes=int(promised[1]) if promised else 0,
        exercise_minutes=int(promised[2]) if promised else 0,
    )


def _prose(text: str) -> str:
    # Quiz and captions are prose that stands in directives.
    lines = list(_prose_lines(text.split("\n---\n", 1)[-1].splitlines()))
    prose = re.sub(r"\{[\w:]+\}`[^`]*`", "word", "\n".join(lines))
    return re.sub(r"[|*#`]", " ", prose)


def _prose_lines(lines: list[str]) -> Iterator[str]:
    fence = ""
    for line in lines:
        opened = re.match(r"(`{3,}|:{3,})(.*)", line)
        if fence:
            if opened and opened[1] == fence and not opened[2].strip():
                fence = ""
        elif opened and (
            re.match(r"\{(code-cell|raw)\}", opened[2])
            or re.fullmatch(r"\s*[a-z]+\s*", opened[2])
        ):
            fence = opened[1]
        elif opened:
            yield re.sub(r"^\{[\w-]+\}", "", opened[2])
        elif not re.match(r":[\w-]+:|\([\w-]+\)=$", line):
            yield line


def _shown_lines(cell: str) -> int:
    code = without_options(cell)
    if _FOLDED.search(cell.removesuffix(code)):
        return 0
    return sum(bool(line.strip()) for line in code.splitlines())


def _table(folder: Path) -> Iterator[str]:
    yield f"{'page':<16}{'words':>7}{'code':>6}{'pictures':>10}{'minutes':>9}"
    total = 0
    for path in sorted(filter(is_chapter, folder.glob("*.md"))):
        one = measure(path.read_text("utf-8"))
        total += one.minutes + one.exercise_minutes
        minutes = f"{one.minutes} + {one.exercise_minutes}"
        counts = f"{one.words:>7}{one.code:>6}{one.pictures:>10}{minutes:>9}"
        yield f"{path.stem:<16}{counts}"
    yield f"together {total} minutes, of {MODULE_MINUTES}"


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if sys.argv[1:] else _ROOT / "book" / "module1"
    sys.stdout.write("\n".join(_table(chosen)) + "\n")
