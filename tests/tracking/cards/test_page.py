import pytest
from browser_checks import (
    MODES,
    accessibility_complaints,
    sideways_complaints,
    visit,
)
from browser_setup import launched_browser
from bs4 import BeautifulSoup

from companion.tracking.cards.card import write_model_card
from companion.tracking.cards.page import make_page


def parse(text):
    return BeautifulSoup(make_page(text, title="A <card>"), "html.parser")


def test_a_card_becomes_headings_and_tables():
    page = parse("# Rain\n\n| Fact | Value |\n| --- | --- |\n| C | 0.3\\*\\|x |\n")

    assert page.title.text == "A <card>"
    assert page.h1.text == "Rain"
    assert [cell.text for cell in page.find_all("td")] == ["C", "0.3*|x"]


def test_an_open_question_is_marked():
    page = parse("TODO: Who asks?\n\nDone.")

    assert page.select_one("p.open").text == "To be written: Who asks?"
    assert len(page.select("p.open")) == 1


def test_markers_of_facts_do_not_show_and_html_does_not_work():
    page = parse(
        "<!-- facts: details, renewed by `companion card make` -->\nx\n"
        "<!-- end of facts -->\n\n<script>alert(1)</script>\n\n"
        "[click](javascript:alert(1))"
    )

    assert page.script is None
    assert "facts:" not in page.main.text
    assert "<script>" in page.main.text
    assert page.a is None


def test_the_page_asks_nothing_of_other_hosts():
    page = parse("# Rain\n\ntext")

    assert not page.select("script, link, img, iframe")
    assert "url(" not in page.style.text


@pytest.mark.browser
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_page_can_be_read_on_a_phone_in_the_dark_and_aloud(
    mode, rain_model, tmp_path
):
    card = write_model_card(rain_model, tmp_path / "card.md")
    with (
        launched_browser() as browser,
        visit(browser, mode, home="http://127.0.0.1:1") as opened,
    ):
        opened.page.set_content(card.page.read_text("utf-8"))

        assert accessibility_complaints(opened.page) == []
        assert sideways_complaints(opened.page) == []
        assert opened.trouble == []
