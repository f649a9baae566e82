"""The built book and a browser, for the tests that look at its pages."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from browser_setup import launched_browser, served
from building import ROOT, build_book, copy_sources
from filelock import FileLock
from page_checks import Pages, read_pages
from playwright.sync_api import Browser
from small_book import write_small_book


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of pytest-xdist share, where there are workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def built_book(session_folder: Path) -> Path:
    """The folder of HTML: COMPANION_BOOK_HTML, or a build for this session."""
    given = os.environ.get("COMPANION_BOOK_HTML")
    if given:
        return Path(given).resolve()
    return _built_once(session_folder / "book", copy_sources) / "_build" / "html"


@pytest.fixture(scope="session")
def small_book(session_folder: Path) -> Path:
    """The folder of the small book, built; its pages are in `_build/html`."""
    return _built_once(session_folder / "small", write_small_book)


def _built_once(folder: Path, write: Callable[[Path], object]) -> Path:
    """Write and build a book, unless another worker of this session did."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            write(folder)
            done = build_book(folder)
            (folder / "failure").write_text(
                _tell_why(done.stdout) if done.returncode else ""
            )
    failure = (folder / "failure").read_text()
    assert not failure, failure
    return folder


def _tell_why(printed: str) -> str:
    """Return what a failed build complains about, and how it ended."""
    complaints = [line for line in printed.splitlines() if "WARNING" in line]
    return "\n".join([*complaints, printed[-1000:]])


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
