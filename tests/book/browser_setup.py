"""A browser, and the book served to it as a static host would.

Nothing here knows what is checked; `browser_checks` does.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsers import REMEDY, find_browser
from playwright.sync_api import Browser, sync_playwright

__all__ = ["launched_browser", "needed_browser", "served"]


def needed_browser() -> str:
    """Find a browser. Where there is none: skip, but fail on a CI machine."""
    program = find_browser()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"These tests must run here, but {REMEDY}.")
        pytest.skip(REMEDY)
    return program


@contextmanager
def launched_browser() -> Iterator[Browser]:
    """Open a headless browser, or skip or fail as `needed_browser` does."""
    program = needed_browser()
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
