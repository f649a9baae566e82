"""Each page of the book as readers meet it: on a phone, in the dark, with any means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from browser_checks import (
    MODES,
    Mode,
    accessibility_complaints,
    open_everything,
    page_weight,
    sideways_complaints,
    visit,
)
from browser_figures import figure_complaints, pictures_of_figures

pytestmark = [pytest.mark.built, pytest.mark.browser]

LIGHT, DARK, _, PHONE_IN_THE_DARK = MODES
MOST_BYTES = 500_000
# One page with every kind of thing: cells, folds, figures, tables, exercises.
CHAPTER = "book/module1/lab1.html"


@dataclass(frozen=True)
class Survey:
    """What was found on all pages in one mode."""

    trouble: list[str] = field(default_factory=list)
    sideways: list[str] = field(default_factory=list)
    accessibility: list[str] = field(default_factory=list)
    bytes_by_page: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def page_names(built_pages) -> list[str]:
    # index.html only forwards, and has a test of its own.
    return [name for name in built_pages if name != "index.html"]


@pytest.fixture(scope="module", params=MODES, ids=str)
def survey(request, browser, built_book, book_home, page_names) -> Survey:
    mode: Mode = request.param
    found = Survey()
    with visit(browser, mode, home=book_home) as opened:
        for name in page_names:
            trouble = opened.open(book_home + name)
            weight = page_weight(built_book, opened.loaded, home=book_home)
            found.bytes_by_page[name] = weight
            sideways = sideways_complaints(opened.page)
            accessibility = []
            if mode in (LIGHT, PHONE_IN_THE_DARK):
                # What is folded is no more than what is unfolded, but for the folds
                # themselves: two of the four modes do.
                accessibility += accessibility_complaints(opened.page)
            open_everything(opened.page)
            sideways += sideways_complaints(opened.page)
            accessibility += accessibility_complaints(opened.page)
            found.trouble.extend(f"{name}: {each}" for each in trouble)
            found.sideways.extend(f"{name}: {each}" for each in sideways)
            found.accessibility.extend(f"{name}: {each}" for each in accessibility)
    return found


def test_no_page_has_an_error_a_failed_request_or_a_question_to_another_host(survey):
    assert survey.trouble == []


def test_no_page_scrolls_sideways_or_is_cut_off(survey):
    assert survey.sideways == []


def test_no_page_shuts_readers_out(survey):
    """axe-core finds no serious or critical violation, with everything unfolded."""
    assert survey.accessibility == []


def test_every_page_is_light(survey):
    """Document, styles, scripts and fonts of a first visit, compressed where text."""
    heavy = {name: n for name, n in survey.bytes_by_page.items() if n > MOST_BYTES}

    assert survey.bytes_by_page
    assert heavy == {}


def test_every_figure_can_be_seen_in_the_dark(browser, book_home, page_names):
    complaints = []
    seen = 0
    with (
        visit(browser, LIGHT, home=book_home) as light,
        visit(browser, DARK, home=book_home) as dark,
    ):
        for name in page_names:
            light.open(book_home + name)
            pictures = pictures_of_figures(light.page)
            seen += len(pictures)
            if pictures:
                dark.open(book_home + name)
                found = figure_complaints(pictures, pictures_of_figures(dark.page))
                complaints += [f"{name}: {each}" for each in found]

    assert seen >= 4
    assert complaints == []


@pytest.fixture(params=MODES, ids=str)
def chapter(request, browser, book_home) -> Iterator:
    with visit(browser, request.param, home=book_home) as opened:
        opened.open(book_home + CHAPTER)
        yield opened


def test_the_search_dialog_shuts_nobody_out(chapter):
    page = chapter.page
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog[open] input[name=q]").fill("terrace")

    assert accessibility_complaints(page) == []
    assert sideways_complaints(page) == []


def test_the_search_results_shut_nobody_out(chapter, book_home):
    chapter.open(f"{book_home}search.html?q=prediction")
    chapter.page.locator("#search-results li a").first.wait_for()

    assert chapter.trouble == []
    assert accessibility_complaints(chapter.page) == []
    assert sideways_complaints(chapter.page) == []


def test_each_menu_of_the_page_shuts_nobody_out(chapter):
    page = chapter.page
    menus = page.locator(".article-header-buttons .dropdown > button:visible")
    assert menus.count() >= 2  # run, download

    for menu in menus.all():
        menu.click()
        page.locator(".dropdown-menu.show").wait_for()
        assert accessibility_complaints(page, ".bd-header-article") == []
        assert sideways_complaints(page) == []
        menu.click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_the_drawers_of_a_phone_shut_nobody_out(browser, book_home, side, scheme):
    with visit(browser, Mode(width=360, scheme=scheme), home=book_home) as opened:
        opened.open(book_home + CHAPTER)
        opened.page.locator(f"button.{side}-toggle:visible").first.click()
        opened.page.locator(f"#pst-{side}-sidebar-modal[open]").wait_for()

        assert accessibility_complaints(opened.page) == []
        assert sideways_complaints(opened.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_that_forwards_shuts_nobody_out(
    browser, built_book, book_home, scheme
):
    text = (built_book / "index.html").read_text("utf-8")
    standing = re.sub(r"<meta[^>]*refresh[^>]*>", "", text, flags=re.IGNORECASE)
    assert standing != text

    with visit(browser, Mode(width=360, scheme=scheme), home=book_home) as opened:
        opened.page.set_content(standing)

        assert accessibility_complaints(opened.page) == []


def test_the_front_door_leads_to_the_landing_page(browser, book_home):
    with visit(browser, LIGHT, home=book_home) as opened:
        opened.page.goto(book_home)
        opened.page.wait_for_url("**/book/index.html")

        assert opened.trouble == []
