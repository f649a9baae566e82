"""The figures that `companion stats` shows, on both databases."""

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from companion.store import FailedRequest, Journal, LLMCall, read_rollups, ship
from companion.store.statistics import (
    Failure,
    count_failures,
    summarize_calls,
    summarize_predictions,
)

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
ALL = ("start", "model_name", "model_version")


def fail(i, hour, status, problem, *, reason=None, version="1"):
    return FailedRequest(
        id=f"f-{i}",
        created_at=NOON + timedelta(hours=hour),
        status=status,
        problem=problem,
        reason=reason,
        model_name="rain" if version else None,
        model_version=version,
    )


@pytest.fixture
def rollups(store_url, folder, predictions):
    """Two versions over two hours, each request of two rows, and what failed."""

    def later(records, hours):
        return [
            dataclasses.replace(one, created_at=one.created_at + timedelta(hours=hours))
            for one in records
        ]

    records = []
    for i in range(40):
        version = "1" if i < 30 else "2"
        records += later(
            predictions(
                2,
                f"r{i}",
                model_name="rain",
                model_version=version,
                latency_ms=float(i + 1),
            ),
            i % 2,
        )
    records += [
        fail(0, 0, 422, "refused-rows", reason="out_of_range"),
        fail(1, 0, 422, "refused-rows", reason="missing"),
        fail(2, 1, 422, "refused-rows", reason="missing"),
        fail(3, 1, 500, "model-failed", version="2"),
        fail(4, 1, 404, "not-found", version=None),
    ]
    journal = Journal(folder)
    journal.append(records)
    journal.close()
    ship(store_url, folder)
    return lambda every=None: read_rollups(store_url, every=every)


def test_counts_by_version(rollups):
    found = summarize_predictions(rollups(), by=("model_name", "model_version"))

    assert [
        (
            one.model_name,
            one.model_version,
            one.requests,
            one.predictions,
            one.refusals,
            one.errors,
        )
        for one in found
    ] == [
        ("", "", 0, 0, 1, 0),
        ("rain", "1", 30, 60, 3, 0),
        ("rain", "2", 10, 20, 0, 1),
    ]
    assert all(one.start is None for one in found)


def test_counts_by_hour_of_all_models(rollups):
    found = summarize_predictions(rollups("hour"), by=("start",))

    assert [(one.start, one.requests, one.refusals, one.errors) for one in found] == [
        (NOON, 20, 2, 0),
        (NOON + timedelta(hours=1), 20, 2, 1),
    ]
    assert {(one.model_name, one.model_version) for one in found} == {(None, None)}


def test_by_everything_at_once_adds_up(rollups):
    found = summarize_predictions(rollups("hour"), by=ALL)

    assert len(found) == 5
    assert sum(one.requests for one in found) == 40
    assert sum(one.refusals + one.errors for one in found) == 5
    assert [(one.start, one.model_name, one.model_version) for one in found] == sorted(
        (one.start, one.model_name, one.model_version) for one in found
    )


def test_percentiles_are_those_of_the_requests_within_a_quarter(rollups):
    [one] = summarize_predictions(
        [one for one in rollups() if one.model_version == "1"], by=()
    )

    times = np.arange(1.0, 31.0)
    for percent in (50, 95, 99):
        exact = np.percentile(times, percent, method="inverted_cdf")
        assert getattr(one, f"latency_p{percent}_ms") == pytest.approx(exact, rel=0.25)


def test_a_model_that_answered_nothing_has_no_percentiles(rollups):
    nameless, *_ = summarize_predictions(rollups(), by=("model_name",))

    assert nameless.model_name == ""
    assert nameless.latency_p50_ms is None


def test_failures_come_by_number(rollups):
    assert count_failures(rollups()) == [
        Failure(kind="refusal", problem="refused-rows", reason="missing", requests=2),
        Failure(kind="error", problem="model-failed", reason="", requests=1),
        Failure(kind="refusal", problem="not-found", reason="", requests=1),
        Failure(
            kind="refusal", problem="refused-rows", reason="out_of_range", requests=1
        ),
    ]


def test_calls_by_model(store_url, folder):
    outcomes = ["ok", "ok", "error", "closed"]
    Journal(folder).append(
        [
            LLMCall(
                id=f"c-{model}-{i}",
                created_at=NOON,
                model=model,
                prompt=[],
                completion="",
                outcome=outcome,
                input_tokens=10 if model == "small" and outcome == "ok" else None,
                latency_ms=100.0 if outcome == "ok" else None,
            )
            for model in ("small", "other")
            for i, outcome in enumerate(outcomes)
        ]
    )
    ship(store_url, folder)

    other, small = summarize_calls(read_rollups(store_url), by=("model_name",))

    assert (small.calls, small.errors, small.closed) == (4, 1, 1)
    assert (small.input_tokens, small.output_tokens) == (20, None)
    assert (other.model_name, other.input_tokens) == ("other", None)
    assert small.latency_p50_ms == pytest.approx(100, rel=0.25)


def test_json_leaves_out_what_the_counts_are_not_divided_by(rollups):
    [one] = summarize_predictions(rollups(), by=())
    assert "model_name" not in one.to_json()
    assert "latency_p50_ms" in one.to_json()

    first, *_ = summarize_predictions(rollups("day"), by=("start", "model_name"))
    assert list(first.to_json().items())[:2] == [
        ("start", "2014-06-01 00:00:00.000000Z"),
        ("model_name", ""),
    ]
