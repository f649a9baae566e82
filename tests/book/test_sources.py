"""The book's source files: listed, framed, with code that a reader can run."""

import re
from pathlib import Path

import pytest
from cell_checks import (
    code_cells,
    import_complaints,
    name_complaints,
    visible_cells,
)
from frame_checks import frame_complaints, is_chapter, toc_complaints
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book").rglob("*.md"))
CHAPTERS = [page for page in PAGES if is_chapter(page)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "book").as_posix()


def test_every_page_is_in_the_table_of_contents_and_the_other_way_round():
    assert toc_complaints(ROOT) == []


def test_the_bibliography_can_be_read_and_holds_what_is_cited_and_nothing_else():
    """The build would say so, too, minutes later."""
    entries = set(parse_file(ROOT / "book" / "references.bib").entries)

    cited = {
        key.strip()
        for page in PAGES
        for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", page.read_text("utf-8"))
        for key in keys.split(",")
    }

    assert cited == entries


@pytest.mark.parametrize("chapter", CHAPTERS, ids=_name)
def test_a_chapter_has_every_part_of_the_frame(chapter):
    assert frame_complaints(chapter.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_cells_import_only_public_names_of_the_package(page):
    assert import_complaints(code_cells(page.read_text("utf-8"))) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=_name)
def test_what_a_chapter_shows_is_enough_to_run_it(chapter):
    assert name_complaints(visible_cells(chapter.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "cell",
    ["print(hidden)", "def show():\n    return hidden", "for day in hidden:\n    pass"],
)
def test_a_name_of_a_hidden_cell_is_missed(cell):
    page = (
        "```{code-cell} ipython3\n:tags: [remove-cell]\nhidden = 1\n```\n\n"
        f"```{{code-cell}} ipython3\n:tags: [hide-input]\n{cell}\n```\n"
    )

    complaints = name_complaints(visible_cells(page))

    assert len(complaints) == 1
    assert "'hidden'" in complaints[0]


def test_names_of_imports_arguments_loops_and_earlier_cells_are_known():
    cells = [
        "import os.path, json as j\nfrom pathlib import Path",
        "def f(a, *, b=1):\n    return [c for c in (a, b, os, j, Path)]",
        "try:\n    f(2)\nexcept OSError as err:\n    print(err)",
    ]

    assert name_complaints(cells) == []


def test_the_exit_code_is_known_after_a_command_only():
    page = "```{code-cell} ipython3\n%s\n```\n"
    shown = "print(_exit_code)"

    assert name_complaints(visible_cells(page % f"!git status\n{shown}")) == []
    assert len(name_complaints(visible_cells(page % shown))) == 1
