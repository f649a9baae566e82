"""The book's source files: listed, framed, importing only what is public."""

from pathlib import Path

import pytest
from cell_checks import code_cells, import_complaints
from frame_checks import frame_complaints, is_chapter, toc_complaints

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book").rglob("*.md"))
CHAPTERS = [page for page in PAGES if is_chapter(page)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "book").as_posix()


def test_every_page_is_in_the_table_of_contents_and_the_other_way_round():
    assert toc_complaints(ROOT) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=_name)
def test_a_chapter_has_every_part_of_the_frame(chapter):
    assert frame_complaints(chapter.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_cells_import_only_public_names_of_the_package(page):
    assert import_complaints(code_cells(page.read_text("utf-8"))) == []
