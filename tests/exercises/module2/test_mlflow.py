"""Chapter 7: right answers pass, and each plausible slip gets a hint that fits."""

import pandas as pd
import pytest

from companion.exercises import check

QUERY = """
    SELECT runs.name AS run, a.name AS model, a.alias, m.value AS val_brier
    FROM registered_model_aliases AS a
    JOIN model_versions AS v ON v.name = a.name AND v.version = a.version
    JOIN runs ON runs.run_uuid = v.run_id
    JOIN latest_metrics AS m ON m.run_uuid = v.run_id AND m.key = 'val_brier'
"""


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        QUERY + "ORDER BY val_brier",
        QUERY.replace("latest_metrics", "metrics") + "WHERE m.step = 1",
        QUERY.replace("AND m.key", "WHERE m.key"),
        QUERY.replace("SELECT", "SELECT v.version, "),
    ],
)
def test_a_query_is_right_however_it_is_written(query):
    verdict = check("7.1", query)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        (QUERY.replace("v.name = a.name AND ", ""), "Are two models mixed up"),
        (QUERY.replace("latest_metrics", "metrics"), "only its last value?"),
        (QUERY.replace(" AND m.key = 'val_brier'", ""), "Is one metric chosen"),
        (
            QUERY.replace("latest_metrics", "metrics") + "WHERE m.step = 0",
            "In column 'val_brier', row 'today', your table says 0.5.",
        ),
        (QUERY.replace("val_brier'", "val_auc'"), "your table says 0.79"),
        (QUERY.replace("a.name AS model", "a.name"), "lacks the column 'model'"),
        (QUERY.replace("JOIN runs", "JOIN run"), "SQLite cannot run it: no such table"),
        (pd.DataFrame({"run": ["today"]}), "is a DataFrame; the text of the query"),
    ],
)
def test_other_queries_are_told_what_differs(query, hint):
    verdict = check("7.1", query)

    assert not verdict.passed
    assert hint in verdict.text


def _names(page):
    return [one["info"]["run_name"] for one in page.get("runs", [])]


def all_runs(ask):
    names, token = [], ""
    while True:
        page = ask(token)
        names += _names(page)
        token = page.get("next_page_token")
        if not token:
            return names


def again_and_again(ask, token=""):
    page = ask(token)
    more = page.get("next_page_token")
    return _names(page) + (again_and_again(ask, more) if more else [])


@pytest.mark.parametrize("answer", [all_runs, again_and_again])
def test_all_pages_however_they_are_fetched(answer):
    verdict = check("7.2", answer)

    assert verdict.passed, verdict


def first_page(ask):
    return _names(ask(""))


def two_pages(ask):
    page = ask("")
    more = page.get("next_page_token")
    return _names(page) + (_names(ask(more)) if more else [])


def without_get(ask):
    names, token = [], ""
    while token is not None:
        page = ask(token)
        names += [one["info"]["run_name"] for one in page["runs"]]
        token = page.get("next_page_token")
    return names


def key_of_the_token(ask):
    page = ask("")
    names = _names(page)
    while page["next_page_token"]:
        page = ask(page["next_page_token"])
        names += _names(page)
    return names


def never_ends(ask):
    names = []
    while True:
        names += _names(ask(""))


def last_page_left_out(ask):
    names, page = [], ask("")
    while page.get("next_page_token"):
        names += _names(page)
        page = ask(page["next_page_token"])
    return names


def whole_runs(ask):
    return ask("")["runs"]


def no_return(ask):
    all_runs(ask)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (first_page, "Ask again with `next_page_token`, until a page has none."),
        (two_pages, "is there a loop?"),
        (without_get, "A page without runs has no key `runs`."),
        (key_of_the_token, "KeyError: 'next_page_token'. This is a single page"),
        (never_ends, "does your loop ever end?"),
        (last_page_left_out, "returned []. This is a single page"),
        (whole_runs, "Take the name from `info` and `run_name`"),
        (no_return, "returned None. Is there a `return`"),
        (["a", "b"], "a function is expected"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(answer, hint):
    verdict = check("7.2", answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_the_call_is_shown_with_its_pages():
    assert "first_page(<pages: a, b; c>) returned ['a', 'b']" in (
        check("7.2", first_page).text
    )


@pytest.mark.parametrize("exercise", ["7.1", "7.2"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    assert "replace `...`" in check(exercise, ...).text
