"""The built book, for the tests that look at its pages."""

import os
from pathlib import Path

import pytest
from building import build_book, copy_sources
from page_checks import Pages, read_pages
from small_book import write_small_book


@pytest.fixture(scope="session")
def built_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of HTML: COMPANION_BOOK_HTML, or a build for this session."""
    given = os.environ.get("COMPANION_BOOK_HTML")
    if given:
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("book")
    copy_sources(folder)
    done = build_book(folder)
    assert done.returncode == 0, done.stdout[-4000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small book, built; its pages are in `_build/html`."""
    folder = write_small_book(tmp_path_factory.mktemp("small") / "copy")
    done = build_book(folder)
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest.fixture(scope="session")
def built_pages(built_book: Path) -> Pages:
    return read_pages(built_book)
