"""The checkers of Lab 1: stubs and plausible wrong answers get a hint that fits."""

import time
import urllib.error
import urllib.request

import pandas as pd
import pytest

from companion.exercises import check
from companion.terrace import (
    Interval,
    load_weather,
    make_features,
    make_target,
    split_by_time,
    train_model,
)

QUERY = """
    SELECT model_version, count(*) AS predictions,
           sum(value >= ?) AS terrace_in, max(latency_ms) AS longest_ms
    FROM predictions GROUP BY model_version ORDER BY model_version DESC
"""


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    """The right table, counted day by day."""
    weather = load_weather()
    rows = {}
    for year in (2012, 2013, 2014, 2015):
        days = weather.loc[str(year)]
        rows[year] = {
            "called_rain": sum(word == "rain" for word in days["weather"]),
            "rain_measured": sum(mm > 0 for mm in days["precipitation_mm"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def test_the_counts_of_both_kinds_of_rain_are_right(counts):
    """191, 60, 3 and 5 days are called rain: counted when the data were chosen."""
    assert list(counts["called_rain"]) == [191, 60, 3, 5]

    verdict = check("lab1.1", counts)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda table: table["called_rain"], "a Series, one column"),
        (lambda table: table.T, "lacks the column 'called_rain'"),
        (lambda table: table.rename(columns=str.upper), "lacks the column"),
        (lambda table: table.sum().to_frame().T, "has 1 rows, 4 are expected"),
        (
            lambda table: table.assign(called_rain=table["rain_measured"]),
            "In column 'called_rain', row 2012, your table says 177. Count days",
        ),
        (lambda table: table / 365, "In column 'called_rain', row 2012"),
        (lambda table: int(table.loc[2012, "called_rain"]), "is a number"),
    ],
)
def test_other_tables_than_the_counts_are_told_what_differs(counts, change, hint):
    verdict = check("lab1.1", change(counts))

    assert not verdict.passed
    assert hint in verdict.text


def test_the_costs_of_2015_counted_day_by_day_are_right():
    """120 EUR for each wet terrace, 80 for each dry day without one."""
    weather = load_weather()
    features, target = make_features(weather), make_target(weather)
    split = split_by_time(features, target, test_start="2014-01-01")
    model = train_model(split.train_features, split.train_target)
    total = n_days = 0
    for date, row in features.loc["2015"].iterrows():
        if date in target.index:
            rained = target[date] == 1
            stays_in = model.predict_proba([row.to_numpy()])[0, 1] >= 0.4
            was_wet = weather["precipitation_mm"][date] > 0
            total += (120 if rained else 80) * int(stays_in != rained)
            total -= (120 if rained else 80) * int(was_wet != rained)
            n_days += 1

    assert n_days == 364  # nobody knows what follows the last day
    assert check("lab1.2", total / n_days).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (2.97, "wrong sign"),
        (4.16, "the difference of 2014"),
        (-2.75, "has also learned from 2014"),
        (0.60, "2014 and 2015 together"),
        (-1080.0, "too low"),
        (-3, "That is rounded"),
        ("-2.97 EUR", "text, '-2.97 EUR'; a number in EUR a day is expected"),
        (
            Interval(mean=-2.97, low=-6.2, high=0.1, level=0.95),
            "an Interval; a number in EUR a day is expected",
        ),
    ],
)
def test_other_differences_are_told_where_they_come_from(answer, hint):
    verdict = check("lab1.2", answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_240_eur_is_the_amount():
    assert check("lab1.3", 240).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (120, "the costs of the lab"),
        (160, "both ends of the interval"),
        (320, "a smaller amount"),
        (200, "among the four amounts"),
        ([240, 320], "a list; a number in EUR is expected"),
    ],
)
def test_other_amounts_are_told_what_to_look_at(answer, hint):
    verdict = check("lab1.3", answer)

    assert not verdict.passed
    assert hint in verdict.text


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        QUERY.replace("?", "0.4"),
        QUERY.replace("sum(value >= ?)", "count(*) FILTER (WHERE value >= ?)"),
        QUERY.replace("model_version, count", "model_name, model_version, count"),
    ],
)
def test_a_query_is_right_however_it_is_written(query):
    verdict = check("lab1.4", query)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("", "start with SELECT"),
        (
            QUERY.replace("FROM", "FORM"),
            'SQLite cannot run it: near "FORM": syntax error',
        ),
        (QUERY.replace("GROUP BY model_version", ""), "has 1 rows, 2 are expected"),
        (
            QUERY.replace(">=", ">"),
            "In column 'terrace_in', row '1', your table says 1",
        ),
        (QUERY.replace("sum(", "count("), "In column 'terrace_in', row '1'"),
        (QUERY.replace("max(", "avg("), "In column 'longest_ms', row '1'"),
        (QUERY.replace(" AS terrace_in", ""), "lacks the column 'terrace_in'"),
        (pd.DataFrame({"predictions": [306]}), "is a DataFrame; the text of the query"),
    ],
)
def test_other_queries_are_told_what_differs(query, hint):
    verdict = check("lab1.4", query)

    assert not verdict.passed
    assert hint in verdict.text


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as err:
        with err:
            return err.code


def _wait(url, timeout_s, path="/health/ready", reason="nobody answered there"):
    start = time.monotonic()
    while time.monotonic() - start < timeout_s:
        try:
            if _status(url + path) == 200:
                return time.monotonic() - start
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(reason)


def test_a_function_that_waits_for_ready_and_gives_up_in_time_is_right():
    verdict = check("lab1.5", _wait)

    assert verdict.passed, verdict


def _asks_whether_alive(url, timeout_s):
    return _wait(url, timeout_s, path="/health/live")


def _takes_any_answer(url, timeout_s):
    try:
        _status(f"{url}/health/ready")
    except OSError:
        raise TimeoutError("nobody answered there") from None
    return timeout_s


def _gives_up_at_the_first_refusal(url, timeout_s):
    if _status(f"{url}/health/ready") != 200:
        raise TimeoutError("it was not ready")
    return timeout_s / 10


def _lets_the_refused_connection_through(url, timeout_s):
    while _status(f"{url}/health/ready") != 200:
        time.sleep(0.05)
    return timeout_s / 10


def _gives_no_reason(url, timeout_s):
    return _wait(url, timeout_s, reason="")


def _says_only_that_it_is_ready(url, timeout_s):
    _wait(url, timeout_s)
    return True


def _never_raises(url, timeout_s):
    try:
        return _wait(url, timeout_s)
    except TimeoutError:
        return 0.4


def _returns_nothing(url, timeout_s):
    _wait(url, timeout_s)


def _waits_too_long(url, timeout_s):
    return _wait(url, timeout_s + 3)


def _never_looks_up(url, timeout_s):
    del timeout_s
    while True:
        _status(f"{url}/health/ready")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_waits_too_long, "timeout_s=0.4 your function was still waiting after 0.9"),
        (_never_looks_up, "When does your loop end?"),
    ],
)
def test_a_loop_without_an_end_does_not_hold_up_the_notebook(answer, hint, monkeypatch):
    monkeypatch.setattr("companion.exercises.module1.lab1._GRACE_S", 0.5)
    monkeypatch.setattr("companion.exercises.module1.lab1._READY_TIMEOUT_S", 0.5)

    verdict = check("lab1.5", answer)

    assert not verdict.passed
    assert hint in verdict.text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_returns_nothing, "returned None. It lacks a `return`"),
        (_asks_whether_alive, "requested /health/live. Which address says *ready*?"),
        (_takes_any_answer, "while the server still said 503"),
        (_gives_up_at_the_first_refusal, "Ask again after a 503"),
        (_lets_the_refused_connection_through, "URLError instead of TimeoutError"),
        (_gives_no_reason, "too short a reason"),
        (_says_only_that_it_is_ready, "True or False; a number"),
        (_never_raises, "it should raise TimeoutError"),
        (1.2, "the function itself is expected"),
    ],
)
def test_other_functions_are_told_what_they_did(answer, hint):
    verdict = check("lab1.5", answer)

    assert not verdict.passed
    assert hint in verdict.text
