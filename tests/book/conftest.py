"""The built book and a browser, for the tests that look at its pages."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from browser_setup import launched_browser, served
from building import ROOT, build_book, copy_sources
from page_checks import Pages, read_pages
from playwright.sync_api import Browser
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


# Playwright keeps an event loop running in this thread while it is open, so that
# other tests could not start theirs: it is closed after each file.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser, or a skip that says how to get one."""
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def book_home(built_book: Path) -> Iterator[str]:
    """The address of the built book, below the path that it is published under."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    prefix = urlsplit(config["html"]["baseurl"]).path
    with served(built_book, prefix=prefix) as home:
        yield home
