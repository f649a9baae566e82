"""Chapter 8: right answers pass, and each plausible slip gets its own hint."""

import pytest

from companion.exercises import check

QUESTION = "tags.question = 'terrace-recipes'"
STAGE = "tags.stage = 'candidate'"
MODEL = "params.model LIKE '%forest'"
COST = "metrics.val_cost_eur < 30"
BRIER = "metrics.val_brier < 0.19"
PARTS = (QUESTION, STAGE, MODEL, COST, BRIER)
NAMES = ("question", "stage", "model", "cost", "brier")


def _query(**changed):
    parts = dict(zip(NAMES, PARTS, strict=True))
    return " AND ".join(one for one in {**parts, **changed}.values() if one)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("8.1", _query()),
        ("8.1", " and ".join(reversed(PARTS))),
        ("8.1", _query(model='params.model LIKE "%forest%"')),
        ("8.1", f"{_query()} AND attributes.status = 'FINISHED'"),
        ("8.1", f"{_query()} AND tags.owner = 'forecast-team'"),
        ("8.1", _query(model="params.model ILIKE '%Forest'")),
        ("8.2", 1 - 0.975**12),
        ("8.2", 0.262),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("8.1", "", "ends in `forest`"),
        ("8.1", _query(model=""), "ends in `forest`"),
        ("8.1", _query(model="params.model = 'forest'"), "not called `forest` alone"),
        ("8.1", _query(model="params.model LIKE '% forest'"), "may be nothing"),
        (
            "8.1",
            _query(
                model="params.model LIKE '%forest' AND params.model != 'boosted forest'"
            ),
            "compare a pattern",
        ),
        ("8.1", _query(brier=""), "not below 0.19"),
        ("8.1", _query(cost=""), "30 EUR a day or more"),
        ("8.1", _query(cost="metrics.val_cost_eur <= 30"), "exactly 30 EUR"),
        ("8.1", _query(brier="metrics.val_brier <= 0.19"), "exactly 0.19"),
        ("8.1", _query(stage=""), "no candidate"),
        ("8.1", _query(question=""), "another question"),
        ("8.1", _query(cost="metrics.val_cost_eur < '30'"), "Expected numeric value"),
        ("8.1", _query(model="params.model = forest"), "text stands in quotes"),
        ("8.1", " OR ".join(PARTS), "joined by AND"),
        ("8.1", 3, "the filter string itself is expected"),
        ("8.1", ["a", "b"], "not what it finds"),
        ("8.2", 1 - 0.95**12, "Which errors look like a saving?"),
        ("8.2", 0.975**12, "none looks cheaper"),
        ("8.2", 0.95**12, "no interval errs at all"),
        ("8.2", 12 * 0.025, "With fifty recipes"),
        ("8.2", 12 * 0.05, "errors on both sides"),
        ("8.2", 0.025, "there are twelve"),
        ("8.2", 0.05, "on either side"),
        ("8.2", 26.2, "not percent"),
        ("8.2", 0.5, "none of the twelve"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_a_hint_of_the_query_describes_the_run_that_it_is_about():
    verdict = check("8.1", _query(question=""))

    assert "27.10 EUR a day" in verdict.text
    assert "'terrace-hours'" in verdict.text
