"""The printed book, read back: complete, with bookmarks, numbers, tags and links."""

import pytest
from browser_setup import needed_browser
from make import write_pdf
from pypdf import PdfReader

pytestmark = [pytest.mark.built, pytest.mark.browser]


@pytest.fixture(scope="module")
def printed(built_book, tmp_path_factory) -> PdfReader:
    needed_browser()  # or skip, and say how to get one
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    write_pdf(built_book, target)
    return PdfReader(target)


def _bookmarks(entries, depth: int = 0) -> list[tuple[int, str]]:
    found = []
    for entry in entries:
        if isinstance(entry, list):
            found += _bookmarks(entry, depth + 1)
        else:
            found.append((depth, entry.title))
    return found


def test_the_pdf_is_a4_tagged_titled_and_in_english(printed):
    root = printed.root_object
    # A4 is 210 mm x 297 mm (ISO 216); a point is 25.4 / 72 mm.
    sizes = {
        (round(float(page.mediabox.width)), round(float(page.mediabox.height)))
        for page in printed.pages
    }

    assert sizes == {(595, 842)}
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert printed.metadata.title == "MLOps and LLM Observability"


def test_the_bookmarks_of_the_pdf_name_every_page_of_the_book(printed, built_pages):
    marks = [" ".join(title.split()) for _, title in _bookmarks(printed.outline)]
    expected = [
        " ".join(page.select_one("article h1").find(string=True).split())
        for name, page in built_pages.items()
        if name.startswith("book/") and name != "book/index.html"
    ]

    assert len(expected) >= 9
    assert [title for title in expected if title not in marks] == []


def test_every_page_of_the_pdf_says_its_number(printed):
    number = len(printed.pages)

    assert number > 50
    for index, page in enumerate(printed.pages, start=1):
        assert f"{index} of {number}" in " ".join(page.extract_text().split())


def test_the_pdf_holds_what_a_screen_folds(printed, built_pages):
    words = "".join("".join(page.extract_text().split()) for page in printed.pages)
    solutions = [
        solution.select("p, pre, li, table")[-1].get_text()  # nothing is cut off
        for page in built_pages.values()
        for solution in page.select("div.solution > section")
    ]
    tabs = built_pages["book/start/setup.html"].select(".sd-tab-content > p:last-child")

    assert len(solutions) >= 3
    assert len(tabs) == 4
    for text in [solution.strip()[-30:] for solution in solutions] + [
        tab.get_text()[:40] for tab in tabs
    ]:
        assert "".join(text.split()) in words


def test_links_of_the_pdf_lead_within_it_or_to_public_addresses(printed):
    targets = [
        str(note.get_object()["/A"].get("/URI", ""))
        for page in printed.pages
        for note in page.get("/Annots", [])
        if "/A" in note.get_object()
    ]

    assert any(target.startswith("https://") for target in targets)
    assert [target for target in targets if target.startswith("file:")] == []
