import dataclasses
import re

import pytest
from browser_checks import (
    MODES,
    accessibility_complaints,
    sideways_complaints,
    visit,
)
from browser_setup import launched_browser
from bs4 import BeautifulSoup

from companion.tracking import read_rules, run_gate
from companion.tracking.gates.page import render_page

RULES = {
    "target": "wet",
    "quality": {"margin": 0.02},
    "slices": {"columns": ["season"]},
    "latency": {"max_ms": 1000},
}


@pytest.fixture(scope="module")
def verdict(rain_models, rain_rows):
    good, bad = rain_models
    return run_gate(bad, good, rain_rows, read_rules(RULES))


def read(verdict, **options):
    return BeautifulSoup(render_page(verdict, **options), "html.parser")


def test_the_page_says_the_verdict_first_and_each_check_after(verdict):
    page = read(verdict, facts=[("data", "rows.csv")])

    assert page.h1.text == "Refused: the challenger breaks a rule"
    assert "rain, version 2 against champion rain, version 1" in page.p.text
    rows = [[cell.text for cell in row.select("td")] for row in page.table.select("tr")]
    shown = [(row[0].lower(), row[1]) for row in rows if row]
    names = [(one.outcome, f"{one.group}: {one.title}") for one in verdict.checks]
    assert shown == names
    broken = [name for outcome, name in names if outcome == "fail"]
    assert broken
    assert [item.text.partition(" is ")[0] for item in page.select("li")] == broken
    assert ["data", "rows.csv"] in [
        [cell.text for cell in row.select("td")] for row in page.select("tr")
    ]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("pass", "Passed: the challenger may"), ("unclear", "Not proven: too few rows")],
)
def test_each_outcome_has_its_headline(outcome, expected, verdict):
    assert read(dataclasses.replace(verdict, outcome=outcome)).h1.text.startswith(
        expected
    )


def test_each_plot_says_in_words_what_it_shows(verdict):
    intervals, calibration, latency = read(verdict).select("svg")

    said = intervals["aria-label"]
    assert f"{verdict.quality.difference.mean:+.4g} on all rows" in said
    assert "the margin is +0.02" in said
    assert (
        f"challenger {verdict.challenger.calibration_error:.4g}"
        in calibration["aria-label"]
    )
    assert "challenger median" in latency["aria-label"]
    assert len(latency.select("line.challenger")) >= 90


def test_the_intervals_are_drawn_where_the_numbers_are(verdict):
    """A straight line through the ticks gives the place of each mean."""
    svg = read(verdict).select_one("svg")
    ticks = [
        (float(text.text), float(text["x"]))
        for text in svg.select("text[text-anchor=middle]")
    ]
    (low, start), (high, end) = ticks[0], ticks[-1]
    quality = verdict.quality
    values = [quality.difference.low, quality.difference.high]
    values += [
        end
        for one in verdict.slices
        for end in (one.difference.low, one.difference.high)
    ]

    drawn = [
        float(line[side])
        for line in svg.select("line.interval")
        for side in ("x1", "x2")
    ]

    expected = [start + (one - low) * (end - start) / (high - low) for one in values]
    assert drawn == pytest.approx(expected, abs=1.0)


def test_labels_alone_leave_out_the_plot_of_calibration(verdict):
    none = {"reliability": [], "calibration_error": None}
    page = read(
        dataclasses.replace(
            verdict,
            challenger=dataclasses.replace(verdict.challenger, **none),
            champion=dataclasses.replace(verdict.champion, **none),
        )
    )

    assert len(page.select("svg")) == 2


def test_the_plot_of_calibration_names_only_models_that_are_in_it(verdict):
    own = dataclasses.replace(
        verdict.challenger, reliability=[], calibration_error=None
    )

    svg = read(dataclasses.replace(verdict, challenger=own)).select("svg")[1]

    texts = [text.text for text in svg.select("text")]
    assert "champion" in texts
    assert "challenger" not in texts
    assert "challenger" not in svg["aria-label"]


def test_names_from_outside_are_text_and_not_markup(verdict):
    own = dataclasses.replace(verdict.challenger, name="<script>alert(1)</script>")

    html = render_page(dataclasses.replace(verdict, challenger=own))

    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_page_loads_nothing(verdict):
    html = render_page(verdict)

    assert not re.search(r"\b(src|href)=|url\(|@import|https?://", html)


@pytest.mark.browser
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_page_can_be_read_on_a_phone_in_the_dark_and_aloud(mode, verdict):
    with (
        launched_browser() as browser,
        visit(browser, mode, home="http://127.0.0.1:1") as opened,
    ):
        opened.page.set_content(render_page(verdict))

        assert accessibility_complaints(opened.page) == []
        assert sideways_complaints(opened.page) == []
        assert opened.trouble == []
