"""What a reader's browser finds wrong with a page; each check returns complaints.

Functions of an open page, so that the tests of the real book, of the offline
book and of deliberately broken pages share them.
"""

import functools
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    Route,
)

__all__ = [
    "MODES",
    "Mode",
    "Visit",
    "accessibility_complaints",
    "open_everything",
    "page_weight",
    "sideways_complaints",
    "visit",
]

_AXE = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text("utf-8")
# The success criteria of WCAG 2.0, 2.1 and 2.2, levels A and AA.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_SEVERE = {"serious", "critical"}
_RUN_AXE = """async ([tags, scope]) => {
  const options = {runOnly: tags, resultTypes: ["violations"], preload: false};
  const {violations} = await axe.run(scope ?? document, options);
  const told = node => [String(node.target), node.failureSummary];
  return violations.map(({id, impact, nodes}) => [id, impact, nodes.map(told)]);
}"""

# What goes over the line as text is compressed by every static host, GitHub Pages
# among them; fonts and pictures are compressed already.
_TEXTS = {".css", ".html", ".js", ".json", ".svg", ".txt", ".xml"}
_PICTURES = {".gif", ".ico", ".jpeg", ".jpg", ".png", ".svg", ".webp"}

# Anything that reaches over the right edge and cannot be scrolled to by itself.
_FIND_WIDE = """() => {
  const width = document.documentElement.clientWidth, wide = [];
  for (const element of [document.documentElement, document.body])
    if (element.scrollWidth > element.clientWidth)
      wide.push(`<${element.localName}> is ${element.scrollWidth} px wide`);
  const boxed = element => {
    for (let e = element; e && e !== document.body; e = e.parentElement)
      if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const seen = {opacityProperty: true, visibilityProperty: true};
  for (const element of document.querySelectorAll("main *, article *")) {
    const {width: w, height: h, right} = element.getBoundingClientRect();
    if (w <= 1 || h <= 1 || right <= width + 1 || boxed(element)) continue;
    if (!element.checkVisibility(seen)) continue;
    const name = `<${element.localName} class="${element.getAttribute("class")}">`;
    wide.push(`${name} reaches to ${Math.round(right)} px`);
  }
  return wide;
}"""

_OPEN_EVERYTHING = """async () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const button of document.querySelectorAll("button.toggle-button-hidden"))
    button.click();
  for (const question of document.querySelectorAll(".quiz form")) {
    question.querySelector("input").click();
    question.requestSubmit();
  }
  for (const menu of document.querySelectorAll(".dropdown-menu"))
    menu.classList.add("show");
  const style = document.createElement("style");
  style.textContent = ".sd-tab-set > .sd-tab-content { display: block !important; }";
  document.head.append(style);
  // The page looks again at what it now shows, once it is drawn.
  await new Promise(done => setTimeout(done, 100));
  for (let frame = 0; frame < 2; frame++)
    await new Promise(done => requestAnimationFrame(done));
}"""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """How a reader looks at the book."""

    width: int
    scheme: str

    def __str__(self) -> str:
        """Name the mode as a test's parameter."""
        return f"{self.width}-{self.scheme}"


MODES = [Mode(width=w, scheme=s) for w in (1366, 360) for s in ("light", "dark")]


@dataclass(frozen=True)
class Visit:
    """Pages opened in one mode, and what went wrong meanwhile."""

    page: Page
    trouble: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def open(self, address: str) -> list[str]:
        """Open a page; give what went wrong while it was loaded."""
        self.trouble.clear()
        self.loaded.clear()
        self.page.goto(address, wait_until="load")
        # Scripts that wait for the page, and fonts that wait for their text.
        self.page.evaluate(
            "async () => { await document.fonts.ready;"
            " await new Promise(done => setTimeout(done, 50)); }"
        )
        return list(dict.fromkeys(self.trouble))


@contextmanager
def visit(browser: Browser, mode: Mode, *, home: str) -> Iterator[Visit]:
    """A fresh window that refuses every host but that of `home`, and notes it."""
    context = browser.new_context(
        viewport={"width": mode.width, "height": 900 if mode.width > 600 else 740},
        color_scheme="dark" if mode.scheme == "dark" else "light",
        # The style sheet then leaves transitions out: half-faded text has no contrast.
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    try:
        opened = Visit(context.new_page())
        _watch(context, opened, urlsplit(home))
        yield opened
    finally:
        context.close()


def _watch(context: BrowserContext, opened: Visit, home) -> None:
    def on_other_host(route: Route) -> None:
        opened.trouble.append(f"asks another host: {route.request.url}")
        route.abort()

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            opened.trouble.append(f"console: {message.text}")

    def on_failure(request: Request) -> None:
        # The browser's own word for what it gives up because the page is left, such
        # as the icon of the page before.
        if request.failure != "net::ERR_ABORTED":
            opened.trouble.append(f"failed: {request.url} {request.failure}")

    def on_response(response: Response) -> None:
        opened.loaded.append(response.url)
        if response.status >= 400:
            opened.trouble.append(f"{response.status}: {response.url}")

    # The pattern is compared in the browser's driver: no detour for our own pages.
    own = re.escape(f"{home.scheme}://{home.netloc}/")
    context.route(re.compile(f"^(?!{own}|data:|blob:)"), on_other_host)
    context.on("console", on_console)
    context.on("weberror", lambda error: opened.trouble.append(f"error: {error.error}"))
    context.on("requestfailed", on_failure)
    context.on("response", on_response)


def open_everything(page: Page) -> None:
    """Unfold each fold, show each tab, open each menu, answer each question."""
    page.evaluate(_OPEN_EVERYTHING)


def sideways_complaints(page: Page) -> list[str]:
    """Find what makes the page scroll sideways, or is cut off at its edge."""
    found = page.evaluate(_FIND_WIDE)
    return list(dict.fromkeys(str(each) for each in found))


def accessibility_complaints(page: Page, scope: str | None = None) -> list[str]:
    """Find what axe-core calls a serious or critical violation."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE)
    return [
        f"{rule} ({impact}) {target}: {' '.join(summary.split())}"
        for rule, impact, nodes in page.evaluate(_RUN_AXE, [_TAGS, scope])
        if impact in _SEVERE
        for target, summary in nodes
    ]


def page_weight(folder: Path, addresses: list[str], *, home: str) -> int:
    """Bytes that a first visit brings over the line, pictures left out.

    Documents, style sheets, scripts and fonts; text is compressed as a static
    host sends it.
    """
    paths = {unquote(urlsplit(address).path) for address in addresses}
    return sum(_sent(folder / path.removeprefix(urlsplit(home).path)) for path in paths)


def _sent(file: Path) -> int:
    if file.suffix in _PICTURES:
        return 0
    body = file.read_bytes()
    return _compressed_size(body) if file.suffix in _TEXTS else len(body)


@functools.cache  # most pages load the same styles and scripts
def _compressed_size(body: bytes) -> int:
    return len(gzip.compress(body))
