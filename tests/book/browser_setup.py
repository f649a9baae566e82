"""A browser, and the book served to it as a static host would.

Nothing here knows what is checked; `browser_checks` does.
"""

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["find_browser", "launched_browser", "served"]

_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "msedge", "microsoft-edge",
)  # fmt: skip
# Where the installers of Chrome and Edge put what they do not add to the PATH.
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_REMEDY = (
    "no Chromium, Chrome or Edge is here; install one "
    "(Debian, Ubuntu: sudo apt-get install chromium; macOS: brew install chromium), "
    "or name its program in COMPANION_BROWSER"
)


def find_browser() -> str | None:
    """Find a browser: COMPANION_BROWSER, one on the PATH, or in a usual place."""
    given = os.environ.get("COMPANION_BROWSER")
    if given:
        return shutil.which(given) or given
    found = (shutil.which(name) for name in _NAMES)
    return next(filter(None, found), None) or next(
        filter(os.path.exists, _PLACES), None
    )


@contextmanager
def launched_browser() -> Iterator[Browser]:
    """A headless browser. Where there is none: skip, but fail on a CI machine."""
    program = find_browser()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"These tests must run here, but {_REMEDY}.")
        pytest.skip(_REMEDY)
    with sync_playwright() as playwright:
        # A container's root may not make the sandbox, and its /dev/shm is small;
        # the only pages shown are our own.
        safe_here = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=safe_here)
        try:
            yield browser
        finally:
            browser.close()


class _Handler(SimpleHTTPRequestHandler):
    """A static host that has the book below a path, and a page for lost visitors."""

    prefix = "/"

    def translate_path(self, path: str) -> str:
        if not path.startswith(self.prefix):
            return os.devnull + "/"  # no such file
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def log_message(self, *_: object) -> None:
        """Keep quiet: the checks report what failed."""


@contextmanager
def served(folder: Path, *, prefix: str = "/") -> Iterator[str]:
    """Serve a folder on this machine; yields the address, which ends in a slash."""
    handler = type("Handler", (_Handler,), {"prefix": prefix})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
