"""What a reader without a mouse can reach and do."""

import pytest
from browser_checks import MODES, visit

pytestmark = [pytest.mark.built, pytest.mark.browser]

# It has code to copy, exercises with solutions, and hidden cells.
CHAPTER = "book/module1/lab1.html"
QUIZ = "book/module1/mlops.html"
# More than the stops of any page: whoever needs more would give up.
MOST_STOPS = 400
_WHERE = """wanted => {
  const here = document.activeElement;
  return [here.matches(wanted), here === document.body];
}"""
_SEEN = """() => {
  const {outlineStyle, boxShadow} = getComputedStyle(document.activeElement);
  return outlineStyle !== "none" || boxShadow !== "none";
}"""


@pytest.fixture(scope="module")
def window(browser, book_home):
    with visit(browser, MODES[0], home=book_home) as opened:
        opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield opened


@pytest.fixture
def page(window, book_home):
    window.page.evaluate("() => { try { localStorage.clear(); } catch {} }")
    window.open(book_home + CHAPTER)
    return window.page


def tab_to(page, wanted: str) -> None:
    """Press Tab until what is wanted has the focus, and can be seen to have it."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        there, back_at_the_top = page.evaluate(_WHERE, wanted)
        if there:
            assert page.evaluate(_SEEN), f"nothing shows that {wanted} has the focus"
            return
        assert not back_at_the_top, f"Tab went past {wanted}"
    pytest.fail(f"{MOST_STOPS} times Tab do not reach {wanted}")


def test_the_first_stop_leads_past_the_contents(page):
    page.keyboard.press("Tab")

    assert page.evaluate("() => document.activeElement.hash") == "#main-content"


def test_search_opens_takes_words_and_leads_to_a_result(page):
    tab_to(page, "button.search-button-field, button.search-button")
    page.keyboard.press("Enter")
    page.locator("#pst-search-dialog[open]").wait_for()
    page.keyboard.type("prediction log")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=**")
    page.locator("#search-results li a").first.wait_for()
    tab_to(page, "#search-results li a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/**")

    assert "prediction" in page.inner_text("article").casefold()


def test_the_theme_switch_goes_through_its_three_settings(page):
    mode = "() => document.documentElement.dataset.mode"
    tab_to(page, "button.theme-switch-button")

    seen = [page.evaluate(mode)]
    for _ in range(3):
        page.keyboard.press("Enter")
        seen.append(page.evaluate(mode))

    assert set(seen) == {"auto", "light", "dark"}
    assert seen[0] == seen[3]


def test_the_copy_button_is_seen_when_it_has_the_focus_and_copies_the_code(page):
    tab_to(page, "button.copybtn")
    button = "() => getComputedStyle(document.activeElement).opacity"
    code = page.evaluate(
        "() => document.activeElement.parentElement.querySelector('pre').textContent"
    )

    assert float(page.evaluate(button)) > 0.5
    page.keyboard.press("Enter")
    page.locator("button.copybtn.success").first.wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()") == code.rstrip()


def test_a_solution_unfolds_and_folds_again(page):
    tab_to(page, "div.solution button.toggle-button")
    body = page.locator("div.solution:has(button:focus) > section").first
    assert not body.is_visible()

    page.keyboard.press("Enter")
    assert body.is_visible()
    page.keyboard.press("Enter")
    assert not body.is_visible()


def test_a_hidden_cell_unfolds(page):
    tab_to(page, "details.hide > summary")

    page.keyboard.press("Enter")

    opened = "() => document.activeElement.parentElement.open"
    assert page.evaluate(opened)


def test_a_quiz_is_answered_marked_and_explained(page, window, book_home):
    window.open(book_home + QUIZ)
    tab_to(page, "div.quiz input")
    page.keyboard.press("Space")
    tab_to(page, "div.quiz button.quiz-check")
    page.keyboard.press("Enter")

    quiz = page.locator("div.quiz").first
    verdict, *reasons = quiz.locator("[role=status] :is(p, li)").all_inner_texts()
    assert verdict.endswith(("Right.", "Not yet.")), verdict
    assert len(reasons) == 1
    assert len(reasons[0].split()) > 3
