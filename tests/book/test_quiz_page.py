"""A question in a real browser: by mouse, by keyboard, by ear, without a script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_checks import (
    MODES,
    Mode,
    accessibility_complaints,
    sideways_complaints,
    visit,
)
from playwright.sync_api import Browser, Locator, Page, expect

WIDE = Mode(width=1366, scheme="light")


@pytest.fixture(scope="module")
def address(small_book: Path) -> str:
    """The page as a file: the book also has to work from a folder."""
    return (small_book / "_build/html/book/module1/small.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with visit(browser, WIDE, home=address) as opened:
        assert opened.open(address) == []
        yield opened.page


def _question(page: Page, number: int) -> Locator:
    return page.locator(f"#quiz-small-{number}")


def _check(question: Locator) -> Locator:
    question.get_by_role("button", name="Check").click()
    return question.get_by_role("status")


def test_a_question_is_a_named_group_of_radio_buttons(page):
    name = "Question 1 of 4 What must a line through two points do? Choose one."
    group = page.get_by_role("group", name=name)

    choices = group.get_by_role("radio")

    expect(choices).to_have_count(3)
    expect(choices.nth(1)).to_have_accessible_name("B. Rise")


def test_a_question_with_several_right_answers_has_check_boxes(page):
    group = page.get_by_role("group", name="Choose all that apply.")

    expect(group.get_by_role("checkbox")).to_have_count(4)


def test_the_right_answer_is_told_with_its_reason(page):
    question = _question(page, 1)
    question.get_by_role("radio").nth(0).check()

    status = _check(question)

    expect(status).to_have_text(
        "✓Right.✓A. Right. Two points fix its slope and its height."
    )


def test_a_wrong_answer_is_told_why_and_no_other_is_given_away(page):
    question = _question(page, 1)
    question.get_by_label("B. Rise").check()

    status = _check(question)

    expect(status).to_have_text(
        "✗Not yet.✗B. Wrong. It falls where the second point lies lower."
    )
    expect(status.locator("em")).to_have_text("second")


@pytest.mark.parametrize(
    ("chosen", "verdict"),
    [
        ([0, 2], "Right."),
        ([0], "Not yet. What you chose is right, but 1 more belongs to it."),
        ([0, 1, 2], "Not yet."),
        ([1, 3], "Not yet."),
    ],
)
def test_all_that_apply_and_no_other_is_right(page, chosen, verdict):
    question = _question(page, 2)
    for index in chosen:
        question.get_by_role("checkbox").nth(index).check()

    status = _check(question)

    sign = "✓" if verdict == "Right." else "✗"
    expect(status.locator(".quiz-verdict")).to_have_text(f"{sign}{verdict}")
    expect(status.get_by_role("listitem")).to_have_count(len(chosen))


def test_checking_without_a_choice_asks_for_one(page):
    expect(_check(_question(page, 1))).to_have_text("Nothing is chosen yet.")


def test_another_choice_takes_the_verdict_back(page):
    question = _question(page, 1)
    question.get_by_label("B. Rise").check()
    status = _check(question)
    expect(status).to_contain_text("Not yet.")

    question.get_by_role("radio").nth(0).check()

    expect(status).to_have_text("")


def test_the_live_region_is_there_before_it_speaks(page):
    """A screen reader announces what changes in a region, not a new region."""
    expect(_question(page, 1).locator("[role=status]")).to_have_count(1)
    expect(_question(page, 1).locator("[role=status]")).to_be_empty()


def test_the_signs_are_for_the_eye_only(page):
    question = _question(page, 1)
    question.get_by_role("radio").nth(0).check()

    for sign in _check(question).locator(".quiz-sign").all():
        expect(sign).to_have_attribute("aria-hidden", "true")


def test_the_keyboard_alone_answers_a_question_and_opens_the_key(page):
    question = _question(page, 1)
    choices = question.get_by_role("radio")
    choices.nth(0).focus()
    keyboard = page.keyboard

    keyboard.press("ArrowDown")  # to B, which chooses it
    keyboard.press("Tab")  # to Check
    expect(question.get_by_role("button", name="Check")).to_be_focused()
    keyboard.press("Enter")
    expect(question.get_by_role("status")).to_contain_text("B. Wrong.")
    keyboard.press("Tab")  # to the answers
    keyboard.press("Enter")

    expect(question.locator("details")).to_have_attribute("open", "")
    expect(question.get_by_text("Two points fix its slope")).to_be_visible()


def test_enter_in_a_choice_checks_it(page):
    question = _question(page, 2)
    question.get_by_role("checkbox").nth(0).focus()

    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    expect(question.get_by_role("status")).to_contain_text("1 more belongs")


def test_focus_can_be_seen_on_each_control(page):
    question = _question(page, 1)
    question.get_by_role("radio").nth(0).focus()
    page.keyboard.press("ArrowDown")
    outlines = []
    for _ in range(3):
        outlines.append(
            page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        )
        page.keyboard.press("Tab")

    assert outlines == ["solid", "solid", "solid"]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_nobody_is_shut_out_of_a_question_nor_of_its_verdicts(browser, address, mode):
    with visit(browser, mode, home=address) as opened:
        assert opened.open(address) == []
        for number in (1, 2):
            question = _question(opened.page, number)
            question.locator("input").nth(0).check()
            question.locator("input").nth(1).check()
            _check(question)
            question.locator("summary").click()

        assert accessibility_complaints(opened.page, "#quiz") == []
        assert sideways_complaints(opened.page) == []


def test_a_choice_is_large_enough_for_a_finger(browser, address):
    """24 CSS pixels, target size of WCAG 2.2, success criterion 2.5.8."""
    with visit(browser, Mode(width=360, scheme="light"), home=address) as opened:
        opened.open(address)

        for label in _question(opened.page, 1).locator("label").all():
            box = label.bounding_box()
            assert box is not None
            assert box["height"] >= 24


def test_without_scripts_the_answers_unfold(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    question = _question(page, 2)

    expect(question.get_by_text("A licence")).to_be_visible()
    expect(question.get_by_role("button")).to_have_count(0)
    reason = question.get_by_text("The whole package has one.")
    expect(reason).not_to_be_visible()
    question.locator("summary").click()

    expect(reason).to_be_visible()
    context.close()


def test_on_paper_the_answers_are_open_and_afterwards_folded_again(page):
    key = _question(page, 3).locator("details")

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(key).to_have_attribute("open", "")
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    expect(key).not_to_have_attribute("open", "")


def test_a_link_to_a_question_leads_to_it(page, address):
    page.goto(f"{address}#quiz-small-4")

    expect(_question(page, 4)).to_be_in_viewport()
