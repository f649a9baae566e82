"""Put the pages of the built book into one page, in reading order, to be printed.

Works on the written HTML, so that what is printed is what was built: no chapter
runs again. Links between pages become links within the one; what is folded or
behind a tab on the screen is shown, because paper has no buttons.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup, NavigableString, Tag

__all__ = ["Chapter", "assemble", "reading_order"]

# What belongs to a screen: signs that appear under a mouse, buttons, menus.
_SCREEN_ONLY = (
    "a.headerlink, script, noscript, button, .landing-buttons, .sd-d-none, "
    "div.cell details > summary"
)
_ANSWERS = '<section class="answers"><h2>Answers to the quiz</h2></section>'
# Attributes that point to the id of another element.
_POINTERS = ("aria-labelledby", "aria-describedby", "aria-controls", "for", "headers")


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A page of the book, where it stands in the contents.

    Attributes
    ----------
    name : str
        Path of the page below the built book, without `.html`.
    part : str
        Caption of its part; empty for the landing page.
    depth : int
        1 for a chapter, 2 for a page below one.
    """

    name: str
    part: str
    depth: int


def reading_order(toc: Mapping) -> list[Chapter]:
    """List the pages of a table of contents in the order they are read.

    Parameters
    ----------
    toc : mapping
        What `_toc.yml` says, in Jupyter Book's format.

    Returns
    -------
    list of Chapter
        The landing page first.
    """
    found = [Chapter(name=_stem(toc["root"]), part="", depth=1)]
    for part in toc.get("parts", [toc]):
        found += _below(part.get("chapters", []), part.get("caption", ""), 1)
    return found


def _below(entries: list, part: str, depth: int) -> Iterator[Chapter]:
    for entry in entries:
        yield Chapter(name=_stem(entry["file"]), part=part, depth=depth)
        yield from _below(entry.get("sections", []), part, depth + 1)


def _stem(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def assemble(folder: Path, toc_file: Path, *, address: str, style: str) -> str:
    """Make one HTML page of a built book.

    Parameters
    ----------
    folder : Path
        The built book. The page is meant to lie in it, so that pictures, style
        sheets and fonts are found.
    toc_file : Path
        `_toc.yml`.
    address : str
        Where the book is published; links to files that are not printed, such as
        the index, lead there.
    style : str
        Style sheet for the paper, added after the book's own.

    Returns
    -------
    str
        The page, with `<title>` and language of the landing page.
    """
    order = reading_order(yaml.safe_load(toc_file.read_text(encoding="utf-8")))
    pages = {
        chapter.name: BeautifulSoup(
            (folder / f"{chapter.name}.html").read_text(encoding="utf-8"), "html.parser"
        )
        for chapter in order
    }
    contents = _contents(order, pages)  # before the pages are changed
    body: list[str] = []
    part = ""
    for chapter in order:
        if chapter.part != part:
            part = chapter.part
            body.append(f'<h1 class="part">{html.escape(part)}</h1>')
        body.append(_printed(chapter, pages, address))
    front = pages[order[0].name]
    # Site name and page name, on the landing page the other way round.
    title = str(front.select_one("meta[property='og:site_name']")["content"])
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light" data-mode="light">'
        f'<head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"{_sheets(pages)}<style>{style}</style></head>\n"
        f'<body><header class="cover"><p class="cover-title">{html.escape(title)}</p>'
        f'<p><a href="{address}">{address}</a></p></header>\n'
        f"{contents}<main>{''.join(body)}</main></body></html>\n"
    )


def _sheets(pages: Mapping[str, BeautifulSoup]) -> str:
    links = {}
    for name, page in pages.items():
        for link in page.select("head link[rel=stylesheet]"):
            target = _resolved(name, str(link["href"]))
            links[target] = f'<link rel="stylesheet" href="{target}">\n'
    return "".join(links.values())


def _contents(order: list[Chapter], pages: Mapping[str, BeautifulSoup]) -> str:
    lines = ['<nav class="contents"><p class="contents-title">Contents</p><ul>']
    part = ""
    for chapter in order[1:]:
        if chapter.part != part:
            part = chapter.part
            lines.append(f'<li class="contents-part">{html.escape(part)}</li>')
        title = _title(pages[chapter.name])
        lines.append(
            f'<li class="contents-{chapter.depth}">'
            f'<a href="#{_anchor(chapter.name)}">{html.escape(title)}</a></li>'
        )
    return "".join([*lines, "</ul></nav>\n"])


def _title(page: BeautifulSoup) -> str:
    (heading,) = page.select("article h1")
    words = [
        text
        for text in heading.find_all(string=True)
        if text.find_parent("a", class_="headerlink") is None
    ]
    return "".join(words).strip()


def _printed(chapter: Chapter, pages: Mapping[str, BeautifulSoup], address: str) -> str:
    (article,) = pages[chapter.name].select("article.bd-article")
    _show_what_is_hidden(article)
    _answers_to_the_end(article)
    for element in article.select(_SCREEN_ONLY):
        element.decompose()
    _lower_headings(article, chapter.depth)
    for element in article.find_all(True):
        _point_into_one_page(element, chapter.name, pages, address)
    article.name = "section"
    article["id"] = _anchor(chapter.name)
    article["class"] = [*article["class"], "chapter", f"chapter-{chapter.depth}"]
    return str(article)


def _show_what_is_hidden(article: Tag) -> None:
    for fold in article.select("details"):
        fold["open"] = ""
    for fold in article.select(".dropdown, .toggle"):
        fold["class"] = [
            name for name in fold["class"] if name not in {"dropdown", "toggle"}
        ]
    for tabs in article.select(".sd-tab-set"):
        for switch in tabs.find_all("input", recursive=False):
            switch.decompose()
        for label in tabs.find_all("label", recursive=False):
            label.name = "p"
            label.attrs = {"class": ["tab-title"]}


def _answers_to_the_end(article: Tag) -> None:
    # On paper, readers would see the answer while reading the question.
    keys = article.select("details.quiz-key")
    if not keys:
        return
    fragment = BeautifulSoup(_ANSWERS, "html.parser")
    (section,) = fragment.select("section")
    for key in keys:
        key.name = "div"
        del key["open"]
        summary = key.find("summary")
        if isinstance(summary, Tag):
            summary.name = "p"
            summary["class"] = ["answers-question"]
        section.append(key.extract())
    (article.find("section") or article).append(section)


def _lower_headings(article: Tag, depth: int) -> None:
    # The parts are the first level of the whole.
    for heading in article.find_all(re.compile(r"h[1-6]")):
        heading.name = f"h{min(int(heading.name[1]) + depth, 6)}"
        for text in heading.find_all(string=True):
            _keep_spaces(text)


def _keep_spaces(text: NavigableString) -> None:
    # The browser leaves the space at a line's end out of the bookmark; one that does
    # not break, with a place to break behind it, stays.
    words = html.escape(str(text)).strip("\n").replace(" ", "\N{NO-BREAK SPACE}<wbr>")
    text.replace_with(BeautifulSoup(words, "html.parser"))


def _point_into_one_page(
    element: Tag, page: str, pages: Mapping[str, BeautifulSoup], address: str
) -> None:
    # Ids within a drawing are its own, and its parts name them in many ways.
    if element.find_parent("svg") is None:
        if element.get("id"):
            element["id"] = f"{_anchor(page)}--{element['id']}"
        for pointer in _POINTERS:
            if element.get(pointer):
                ids = str(element[pointer]).split()
                element[pointer] = " ".join(f"{_anchor(page)}--{each}" for each in ids)
        if element.get("href"):
            element["href"] = _link(page, str(element["href"]), pages, address)
    for attribute in ("src", "data"):
        if element.name in {"img", "object", "source"} and element.get(attribute):
            element[attribute] = _resolved(page, str(element[attribute]))


def _link(
    page: str, href: str, pages: Mapping[str, BeautifulSoup], address: str
) -> str:
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href
    target = _resolved(page, parts.path) if parts.path else f"{page}.html"
    name = target.removesuffix(".html")
    if name not in pages:
        return urljoin(address, target)
    return (
        f"#{_anchor(name)}--{parts.fragment}" if parts.fragment else f"#{_anchor(name)}"
    )


def _resolved(page: str, href: str) -> str:
    if urlsplit(href).scheme:
        return href
    return urljoin(f"http://book/{page}.html", href).removeprefix("http://book/")


def _anchor(page: str) -> str:
    return page.replace("/", "-")
