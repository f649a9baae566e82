"""The search of the built book finds what readers look for."""

import pytest
from browser_checks import MODES, visit

pytestmark = [pytest.mark.built, pytest.mark.browser]

# What a reader might type, and the page that answers it.
PHRASES = {
    "cost table": "book/module1/lab1.html",
    "PortInUseError": "book/reference/errors.html",
    "companion ship": "book/reference/commands.html",
    "wheels offline": "book/start/setup.html",
    "prediction log": "book/module1/lab1.html",
}


@pytest.fixture(scope="module")
def window(browser, book_home):
    with visit(browser, MODES[0], home=book_home) as opened:
        yield opened


@pytest.mark.parametrize(("phrase", "answer"), PHRASES.items())
def test_a_known_phrase_leads_to_the_page_that_answers_it(
    window, book_home, phrase, answer
):
    window.open(f"{book_home}search.html?q={phrase.replace(' ', '+')}")
    window.page.locator("#search-results .search-summary").wait_for()
    links = window.page.locator("#search-results li a")
    addresses = links.evaluate_all("links => links.map(link => link.href)")

    found = [
        address.removeprefix(book_home).partition("?")[0].partition("#")[0]
        for address in addresses
    ]
    assert answer in found[:5], found


def test_words_that_the_book_lacks_give_a_sentence_and_no_result(window, book_home):
    window.open(f"{book_home}search.html?q=zebrafish")
    window.page.locator("#search-results .search-summary").wait_for()

    assert "did not match any documents" in window.page.inner_text("#search-results")
