"""Sphinx extension that mends what the theme's pages get wrong for some readers.

Jupyter Book 1 and its theme write pages that screen readers, keyboards and
strict browsers stumble over. Each function below mends one such defect in the
written HTML; the comment in it says which. Mending a mended page changes nothing, so
an incremental build is safe. `tests/book/test_accessible_html.py` holds the
proofs.
"""

from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from sphinx.application import Sphinx

__all__ = ["mend", "mend_folder", "setup"]

# Sphinx copies these as they are; they hold no page of ours.
_NO_PAGES = {"_static", "_sources", "_downloads", "_images"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict
        What Sphinx wants to know of an extension.
    """
    # After every other extension: what they write is to be mended as well.
    app.connect("build-finished", _on_build_finished, priority=900)
    app.add_js_file("keyboard.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _on_build_finished(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        mend_folder(Path(app.outdir))


def mend_folder(folder: Path) -> None:
    """Mend every page below a folder, in place.

    Parameters
    ----------
    folder : Path
        Folder of a built book.
    """
    for path in sorted(folder.rglob("*.html")):
        if not _NO_PAGES.intersection(path.relative_to(folder).parts):
            before = path.read_text(encoding="utf-8")
            after = mend(before)
            if after != before:
                path.write_text(after, encoding="utf-8")


def mend(page: str) -> str:
    """Mend one page.

    Parameters
    ----------
    page : str
        A whole HTML page.

    Returns
    -------
    str
        The mended page; the same text where nothing is wrong.
    """
    soup = BeautifulSoup(page, "html.parser")
    _complete_redirect(soup)
    _keep_one_viewport(soup)
    _remove_thebe(soup)
    _load_scripts_once(soup)
    _let_visible_text_name_buttons(soup)
    _hide_theme_icons(soup)
    _drop_hidden_toggles(soup)
    _name_sidebar(soup)
    _name_page_toggles(soup)
    _list_bibliography(soup)
    _empty_headers_to_cells(soup)
    _drop_repeated_ids(soup)
    return str(soup)


def _complete_redirect(soup: BeautifulSoup) -> None:
    # The page that forwards to the landing page has no title and no language.
    refresh = soup.find("meta", attrs={"http-equiv": "Refresh"})
    if not isinstance(refresh, Tag) or soup.html is not None:
        return
    target = str(refresh["content"]).partition("url=")[2]
    complete = BeautifulSoup(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>The book has moved to {target}</title></head>"
        f'<body><p><a href="{target}">Open the book</a></p></body></html>\n',
        "html.parser",
    )
    assert complete.head is not None  # noqa: S101 - written three lines above
    complete.head.append(refresh.extract())
    soup.clear()
    soup.extend(list(complete.contents))


def _keep_one_viewport(soup: BeautifulSoup) -> None:
    # Three extensions each add the same meta element.
    for extra in soup.find_all("meta", attrs={"name": "viewport"})[1:]:
        _remove(extra)


def _remove_thebe(soup: BeautifulSoup) -> None:
    # Live cells are off; their script still loads and names another host.
    for element in soup.find_all(["script", "link"]):
        source = f"{element.get('src', '')} {element.get('href', '')}"
        if "thebe" in source or "THEBE_JS_URL" in element.get_text():
            _remove(element)


def _load_scripts_once(soup: BeautifulSoup) -> None:
    # A second copy of a script throws "already been declared".
    seen: set[str] = set()
    for script in soup.find_all("script"):
        # The version that Sphinx appends does not make another script of it.
        source = str(script.get("src", "")).partition("?")[0]
        key = source or script.get_text().strip()
        if not key or script.get("type") == "application/json":
            continue
        if key in seen:
            _remove(script)
        seen.add(key)


def _remove(element: Tag) -> None:
    # With the line break after it: a second reading would merge what is left.
    rest = element.next_sibling
    if isinstance(rest, NavigableString) and rest.isspace():
        rest.extract()
    element.decompose()


def _let_visible_text_name_buttons(soup: BeautifulSoup) -> None:
    # A label that differs from the visible text hides that text from speech.
    for button in soup.select("button.search-button-field[aria-label]"):
        del button["aria-label"]
    for summary in soup.select("summary[aria-label='Toggle hidden content']"):
        del summary["aria-label"]


def _hide_theme_icons(soup: BeautifulSoup) -> None:
    # The theme switch has a name; its icons say a second, other one.
    for icon in soup.select("i.theme-switch, span.theme-switch"):
        if icon.has_attr("title"):
            del icon["title"]
        icon["aria-hidden"] = "true"


def _drop_hidden_toggles(soup: BeautifulSoup) -> None:
    # The theme's script listens to the first button of each side only, and that is
    # the one in a bar which the book does not show: the drawers would not open.
    for button in soup.select("#pst-header button.sidebar-toggle"):
        _remove(button)


def _name_sidebar(soup: BeautifulSoup) -> None:
    # The logo and the search field there belong to no landmark.
    for sidebar in soup.select("#pst-primary-sidebar"):
        sidebar["role"] = "region"
        sidebar["aria-label"] = "Book navigation"


def _name_page_toggles(soup: BeautifulSoup) -> None:
    # The arrow that unfolds a part of the contents has no name at all.
    for summary in soup.select("li.has-children > details > summary"):
        link = summary.find_previous("a")
        title = link.get_text(" ", strip=True) if link else "this page"
        summary["aria-label"] = f"Pages below {title}"


def _list_bibliography(soup: BeautifulSoup) -> None:
    # A list may hold list items only.
    for entry in soup.select("[role=list] > [role=doc-biblioentry]"):
        entry["role"] = "listitem"


def _empty_headers_to_cells(soup: BeautifulSoup) -> None:
    # pandas writes an empty header above the index; a header must say something.
    for header in soup.select("th"):
        if not header.get_text(strip=True) and header.find("img") is None:
            header.name = "td"
            if header.has_attr("scope"):
                del header["scope"]


def _drop_repeated_ids(soup: BeautifulSoup) -> None:
    # sphinx-exercise gives the same id to the inside of every exercise.
    for inside in soup.select("#exercise-content, #solution-content"):
        del inside["id"]
