"""Where the browser is that prints the book and that its tests use."""

import os
import shutil

__all__ = ["REMEDY", "find_browser"]

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
REMEDY = (
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
