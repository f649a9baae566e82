"""The checkers of Lab 1, part two: wrong answers get a hint that fits."""

import re

import pytest

from companion.exercises import check

QUERY = (
    "SELECT outcome, count(*) AS calls, avg(output_tokens) AS output_tokens "
    "FROM llm_calls GROUP BY outcome"
)


def invented_numbers(text, given):
    known = re.findall(r"\d+(?:\.\d+)?", given)
    return [n for n in re.findall(r"\d+(?:\.\d+)?", text) if n not in known]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("lab1b.1", QUERY),
        ("lab1b.1", QUERY + " ORDER BY outcome DESC"),
        ("lab1b.2", invented_numbers),
    ],
)
def test_the_right_answers_pass(exercise, answer):
    verdict = check(exercise, answer)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        (QUERY.replace("output_tokens)", "coalesce(output_tokens, 0))"), "skips NULL"),
        (
            QUERY.replace("avg(output_tokens)", "sum(output_tokens) / count(*)"),
            "NULL, and so must you",
        ),
        (QUERY.replace("GROUP BY outcome", ""), "has 1 rows, 2 are expected"),
        (QUERY.replace("AS calls", ""), "lacks the column 'calls'"),
        ("SELECT outcomes FROM llm_calls", "no such column: outcomes"),
        (
            QUERY.replace("GROUP", "WHERE input_tokens > ? GROUP"),
            "SQLite cannot run it",
        ),
        ("DELETE FROM llm_calls", "start with SELECT"),
        (37, "is a number"),
    ],
)
def test_other_queries_are_told_what_to_look_at(query, hint):
    verdict = check("lab1b.1", query)

    assert not verdict.passed
    assert hint in verdict.text


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (
            lambda text, given: [n for n in re.findall(r"\d+", text) if n not in given],
            "5 is a part of 57",
        ),
        (
            lambda text, given: [
                n
                for n in re.findall(r"[\d.]*\d", text)
                if not re.search(rf"\b{n}\b", given)
            ],
            "7 is a part of 57 and of 7.2",
        ),
        (
            lambda text, given: invented_numbers(text, given)[::-1],
            "A set has none",
        ),
        (
            lambda text, given: sorted(invented_numbers(text, given)),
            "Keep the order",
        ),
        (
            lambda text, given: [float(n) for n in invented_numbers(text, given)],
            "Return a list of texts",
        ),
        (lambda text, given: bool(invented_numbers(text, given)), "Return a list"),
    ],
)
def test_other_lists_of_numbers_are_told_what_to_look_at(function, hint):
    verdict = check("lab1b.2", function)

    assert not verdict.passed
    assert hint in verdict.text
