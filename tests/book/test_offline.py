"""The book without a network: unpacked from the zip, and as the page to print."""

import zipfile
from pathlib import Path

import pytest
from browser_checks import MODES, visit
from bs4 import BeautifulSoup
from make import main, write_zip
from one_page import Chapter, assemble, reading_order

# Pages of a published book, as small as they can be.
LANDING = """<html><head><meta property="og:site_name" content="A book">
<link rel="stylesheet" href="../_static/a.css"></head><body><header>menu</header>
<article class="bd-article"><section id="a"><h1>Welcome</h1>
<a href="one/first.html#part">on</a></section></article></body></html>"""
FIRST = """<html><head><link rel="stylesheet" href="../../_static/b.css"></head><body>
<article class="bd-article"><section id="a"><h1>First
<a class="headerlink" href="#a">#</a></h1>
<h2 id="part">Part</h2><img src="../../_images/x.png"><a href="#part">here</a>
<a href="../index.html">back</a><a href="../../genindex.html">index</a>
<a href="https://example.org/">out</a><label for="part">p</label>
<div class="cell"><details class="hide"><summary>Show code</summary>code</details></div>
<div class="solution dropdown">solved</div>
<div class="sd-tab-set"><input id="t1"><label for="t1">pip</label>
<div class="sd-tab-content">with pip</div><input id="t2"><label for="t2">uv</label>
<div class="sd-tab-content">with uv</div></div>
<div class="quiz"><p>Why?</p><details class="quiz-key"><summary>Answers to question 1
</summary>Because.</details></div><p>The end.</p></section></article></body></html>"""
TOC = """root: book/index
parts:
  - caption: Beginnings
    chapters:
      - file: book/one/first
"""


def _assembled(folder: Path) -> BeautifulSoup:
    pages = folder / "book" / "one"
    pages.mkdir(parents=True)
    (folder / "book" / "index.html").write_text(LANDING, encoding="utf-8")
    (pages / "first.html").write_text(FIRST, encoding="utf-8")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    toc = folder / "_toc.yml"
    text = assemble(folder, toc, address="https://b.example/b/", style="p { top: 0 }")
    return BeautifulSoup(text, "html.parser")


@pytest.fixture
def one_page(tmp_path) -> BeautifulSoup:
    return _assembled(tmp_path)


def test_pages_are_read_in_the_order_of_the_contents():
    toc = {
        "root": "book/index",
        "parts": [
            {"caption": "A", "chapters": [{"file": "a", "sections": [{"file": "b"}]}]},
            {"caption": "C", "chapters": [{"file": "c.md"}]},
        ],
    }

    assert reading_order(toc) == [
        Chapter(name="book/index", part="", depth=1),
        Chapter(name="a", part="A", depth=1),
        Chapter(name="b", part="A", depth=2),
        Chapter(name="c", part="C", depth=1),
    ]


def test_the_one_page_has_every_page_and_nothing_around_it(one_page):
    assert one_page.title.get_text() == "A book"
    headings = one_page.select("main :is(h1, h2, h3)")
    assert [" ".join(heading.get_text().split()) for heading in headings] == [
        "Welcome",
        "Beginnings",
        "First",
        "Part",
        "Answers to the quiz",
    ]
    assert "menu" not in one_page.get_text()
    sheets = [link["href"] for link in one_page.select("link[rel=stylesheet]")]
    assert sheets == ["_static/a.css", "_static/b.css"]


def test_links_lead_within_the_one_page_or_to_the_published_book(one_page):
    targets = {link.get_text(): link["href"] for link in one_page.select("main a")}

    assert targets == {
        "on": "#book-one-first--part",
        "here": "#book-one-first--part",
        "back": "#book-index",
        "index": "https://b.example/b/genindex.html",
        "out": "https://example.org/",
    }
    ids = [element["id"] for element in one_page.select("[id]")]
    assert len(ids) == len(set(ids))
    inside = {href.removeprefix("#") for href in targets.values() if href[0] == "#"}
    assert inside <= set(ids)
    assert one_page.select_one("img")["src"] == "_images/x.png"


def test_what_is_folded_or_behind_a_tab_is_shown(one_page):
    assert one_page.select_one("div.cell details").has_attr("open")
    assert "Show code" not in one_page.get_text()
    assert one_page.select_one("div.solution")["class"] == ["solution"]
    assert not one_page.select("input")
    tabs = one_page.select_one(".sd-tab-set").get_text(" ", strip=True)
    assert tabs == "pip with pip uv with uv"


def test_the_answers_of_a_quiz_stand_at_the_end_of_its_chapter(one_page):
    words = one_page.select_one("main").get_text(" ", strip=True)

    assert words.index("Why?") < words.index("The end.") < words.index("Because.")


def test_without_a_browser_the_zip_is_made_and_the_pdf_is_asked_for(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("make.find_browser", lambda: None)
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("a book")

    code = main([str(tmp_path / "html"), str(tmp_path / "dist")])

    assert code == 1
    assert "The PDF is not made: no Chromium" in capsys.readouterr().err
    names = [path.name for path in (tmp_path / "dist").iterdir()]
    assert names == ["mlops-companion-book.zip"]


# The real book


@pytest.fixture(scope="module")
def unpacked(built_book, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("offline book")  # a space, as on many desktops
    write_zip(built_book, folder / "book.zip")
    with zipfile.ZipFile(folder / "book.zip") as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.built
@pytest.mark.browser
def test_every_page_opens_from_a_folder(browser, unpacked, built_pages):
    trouble = []
    with visit(browser, MODES[0], home=unpacked.as_uri()) as opened:
        for name in built_pages:
            # The first is for a server, the second leads on by itself.
            if name not in {"404.html", "index.html"}:
                found = opened.open((unpacked / name).as_uri())
                trouble += [f"{name}: {each}" for each in found]

    assert trouble == []


@pytest.mark.built
@pytest.mark.browser
def test_the_search_works_from_a_folder(browser, unpacked):
    with visit(browser, MODES[0], home=unpacked.as_uri()) as opened:
        page = opened.page
        page.goto((unpacked / "index.html").as_uri())
        page.wait_for_url("**/book/index.html")
        page.keyboard.press("Control+k")
        page.locator("#pst-search-dialog[open] input[name=q]").fill("prediction log")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=**")
        page.locator("#search-results li a").first.click()
        page.wait_for_url("**/book/**")

        assert "prediction" in page.inner_text("article").casefold()
        assert opened.trouble == []
