"""Checks of the built pages; each returns what it has to complain about.

Pure functions of a folder of HTML, so that the tests of the real book and of
the deliberately broken copies share them.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

__all__ = [
    "Pages",
    "alternative_text_complaints",
    "foreign_host_complaints",
    "link_complaints",
    "output_complaints",
    "read_pages",
]

Pages = Mapping[str, BeautifulSoup]

# Sphinx copies these as they are; pages there are not ours.
_NO_PAGES = {"_static", "_sources", "_downloads", "_images"}
# A browser fetches these when it shows the page; a link waits for a click.
_FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_FETCHED_LINKS = {
    "apple-touch-icon", "dns-prefetch", "icon", "manifest", "modulepreload",
    "preconnect", "prefetch", "preload", "stylesheet",
}  # fmt: skip
_ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.\w+")
_CSS_ADDRESS = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)")
_TROUBLE = re.compile(r"Traceback \(most recent call last\)|\b\w*Warning:(?= )")


def read_pages(html: Path) -> dict[str, BeautifulSoup]:
    """Parse every page of a built book, keyed by its path below the folder."""
    return {
        path.relative_to(html).as_posix(): BeautifulSoup(
            path.read_text("utf-8"), "html.parser"
        )
        for path in sorted(html.rglob("*.html"))
        if not _NO_PAGES.intersection(path.relative_to(html).parts)
    }


def link_complaints(html: Path, pages: Pages, *, prefix: str) -> list[str]:
    """Find links, pictures and files of the book that lead nowhere.

    `prefix` is the path under which the book is published; the page for
    addresses that do not exist links with it.
    """
    anchors = {name: _anchors(page) for name, page in pages.items()}
    return [
        f"{name}: {address} {why}"
        for name, page in pages.items()
        for address in _own_addresses(page)
        for why in _dead(html, anchors, name, address, prefix)
    ]


def _anchors(page: BeautifulSoup) -> set[str]:
    named = {str(a["name"]) for a in page.select("a[name]")}
    return named | {str(element["id"]) for element in page.select("[id]")}


def _own_addresses(page: BeautifulSoup) -> list[str]:
    addresses = [str(tag["href"]) for tag in page.select("a[href], link[href]")]
    addresses += [str(tag["src"]) for tag in page.select("[src]")]
    return [
        address
        for address in dict.fromkeys(addresses)
        if not urlsplit(address).scheme and not urlsplit(address).netloc
    ]


def _dead(
    html: Path, anchors: Mapping[str, set[str]], page: str, address: str, prefix: str
) -> Iterator[str]:
    parts = urlsplit(address)
    path, fragment = unquote(parts.path), unquote(parts.fragment)
    if path.startswith("/"):
        if not path.startswith(prefix):
            yield f"lies outside {prefix}"
            return
        target = path.removeprefix(prefix)
    else:
        target = _normal(PurePosixPath(page).parent / path) if path else page
    if target in {"", "."} or target.endswith("/"):
        target += "index.html"
    if not (html / target).is_file():
        yield "leads to no file"
    elif fragment and target in anchors and fragment not in anchors[target]:
        yield "leads to no such place on that page"


def _normal(path: PurePosixPath) -> str:
    kept: list[str] = []
    for part in path.parts:
        if part == ".." and kept:
            kept.pop()
        else:
            kept.append(part)
    return "/".join(kept)


def foreign_host_complaints(html: Path, pages: Pages) -> list[str]:
    """Find what a browser would fetch from another host without being asked."""
    complaints = [
        f"{name}: {what}" for name, page in pages.items() for what in _foreign(page)
    ]
    for sheet in sorted((html / "_static").rglob("*.css")):
        where = sheet.relative_to(html).as_posix()
        found = _CSS_ADDRESS.findall(sheet.read_text("utf-8"))
        complaints += [f"{where}: {address}" for address in found]
    return complaints


def _foreign(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all(True):
        for attribute in _FETCHED.get(tag.name, ()):
            if _ADDRESS.search(str(tag.get(attribute, ""))):
                yield f"<{tag.name} {attribute}={tag[attribute]!r}>"
        fetched = _FETCHED_LINKS.intersection(tag.get("rel") or ())
        if tag.name == "link" and fetched and _ADDRESS.match(str(tag.get("href"))):
            yield f"<link href={tag['href']!r}>"
        if _CSS_ADDRESS.search(str(tag.get("style", ""))):
            yield f"<{tag.name} style={tag['style']!r}>"
        if tag.name == "style":
            yield from _CSS_ADDRESS.findall(tag.get_text())
        if tag.name == "script" and not tag.get("src"):
            yield from _ADDRESS.findall(tag.get_text())


def alternative_text_complaints(pages: Pages) -> list[str]:
    """Find pictures in the text of a page that nothing describes."""
    return [
        f"{name}: {complaint}"
        for name, page in pages.items()
        for complaint in _undescribed(page)
    ]


def _undescribed(page: BeautifulSoup) -> Iterator[str]:
    for picture in page.select("article img"):
        text = str(picture.get("alt", ""))
        if not _describes(text):
            yield f"{picture.get('src')} has alt={text!r}"
    for drawing in page.select("article svg"):
        if drawing.get("aria-hidden") != "true" and not _describes(_name(drawing)):
            yield "a drawing has no aria-label that describes it"


def _name(drawing: Tag) -> str:
    title = drawing.find("title", recursive=False)
    return str(drawing.get("aria-label") or (title.get_text() if title else ""))


def _describes(text: str) -> bool:
    # What tools write where nobody wrote anything: a path, a hash, "image".
    words = re.findall(r"[^\W\d_]{2,}", text)
    looks_like_file = re.search(r"\.(png|svg|jpe?g|gif|webp)$|[0-9a-f]{16}", text)
    return len(words) >= 4 and not looks_like_file


def output_complaints(pages: Pages) -> list[str]:
    """Find warnings, tracebacks and stderr in what cells printed.

    A cell with the tag `raises-exception` shows a failure on purpose.
    """
    complaints = []
    for name, page in pages.items():
        for cell in page.select("div.cell"):
            if "tag_raises-exception" in (cell.get("class") or ()):
                continue
            for output in cell.select(".cell_output"):
                found = _TROUBLE.search(output.get_text())
                if found or output.select(".stderr"):
                    what = found[0] if found else "text on stderr"
                    complaints.append(f"{name}: {what} in the output of a cell")
    return complaints
