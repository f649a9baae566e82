"""What the roll-ups say about models: counts, failures, percentiles of latency."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from companion.store.rollups.bins import estimate_quantile
from companion.store.sql.rollup_queries import Rollup
from companion.store.times import format_time

__all__ = [
    "CALL_METRICS",
    "PREDICTION_METRICS",
    "CallStatistics",
    "Failure",
    "PredictionStatistics",
    "count_failures",
    "summarize_calls",
    "summarize_predictions",
]

PREDICTION_METRICS = ("predictions", "requests", "latency_ms", "refusals", "errors")
CALL_METRICS = ("calls", "call_latency_ms", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """What the counts are of; None for what they are not divided by.

    A model's name is empty where a request reached no model.
    """

    start: datetime | None
    model_name: str | None
    model_version: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, without what they are not divided by."""
        row = asdict(self)
        names = [name for name in _Group.__slots__ if row[name] is None]
        if self.start is not None:
            row["start"] = format_time(self.start)
        return {name: value for name, value in row.items() if name not in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionStatistics(_Group):
    """The predictions of one group.

    Percentiles are those of the requests that were answered, in milliseconds,
    estimated from bins: off by less than a quarter. None if there were none.
    """

    requests: int
    predictions: int
    refusals: int
    errors: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatistics(_Group):
    """The calls to language models of one group; percentiles as for predictions.

    Tokens are None where no call reported them.
    """

    calls: int
    errors: int
    closed: int
    input_tokens: int | None
    output_tokens: int | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How many requests got one kind of problem instead of an answer.

    `kind` is ``refusal`` or ``error``; `reason` is empty if the problem has none.
    """

    kind: str
    problem: str
    reason: str
    requests: int


class _Sums:
    """The rollups of one group, added up."""

    def __init__(self) -> None:
        self.n: Counter[str] = Counter()
        self.total: dict[str, float] = defaultdict(float)
        self.bins: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, one: Rollup) -> None:
        self.n[one.metric] += one.n
        self.total[one.metric] += one.total
        self.bins[one.metric][one.bin] += one.n

    def tokens(self, metric: str) -> int | None:
        return round(self.total[metric]) if self.n[metric] else None

    def percentiles(self, metric: str) -> dict[str, Any]:
        counts = self.bins[metric]
        return {
            f"latency_p{percent}_ms": (
                estimate_quantile(counts, percent / 100) if counts else None
            )
            for percent in (50, 95, 99)
        }


def summarize_predictions(
    rollups: Iterable[Rollup], *, by: Collection[str]
) -> list[PredictionStatistics]:
    """Add up `PREDICTION_METRICS` by period, model and version.

    `by` names what to divide by: ``start``, ``model_name``, ``model_version``.
    """
    return [
        PredictionStatistics(
            **key,
            requests=sums.n["requests"],
            predictions=sums.n["predictions"],
            refusals=sums.n["refusals"],
            errors=sums.n["errors"],
            **sums.percentiles("latency_ms"),
        )
        for key, sums in _add_up(rollups, PREDICTION_METRICS, by)
    ]


def summarize_calls(
    rollups: Iterable[Rollup], *, by: Collection[str]
) -> list[CallStatistics]:
    """Add up `CALL_METRICS` by period and model; `by` is as for predictions."""
    return [
        CallStatistics(
            **key,
            calls=sums.n["calls"],
            errors=sums.bins["calls"]["error"],
            closed=sums.bins["calls"]["closed"],
            input_tokens=sums.tokens("input_tokens"),
            output_tokens=sums.tokens("output_tokens"),
            **sums.percentiles("call_latency_ms"),
        )
        for key, sums in _add_up(rollups, CALL_METRICS, by)
    ]


def count_failures(rollups: Iterable[Rollup]) -> list[Failure]:
    """Count requests by problem and reason, the most frequent first."""
    kinds = {"refusals": "refusal", "errors": "error"}
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in rollups:
        if one.metric in kinds:
            counts[kinds[one.metric], one.field, one.bin] += one.n
    return [
        Failure(kind=kind, problem=problem, reason=reason, requests=n)
        for (kind, problem, reason), n in sorted(
            counts.items(), key=lambda item: (-item[1], item[0])
        )
    ]


def _add_up(
    rollups: Iterable[Rollup], metrics: Collection[str], by: Collection[str]
) -> list[tuple[dict[str, Any], _Sums]]:
    names = ("start", "model_name", "model_version")
    groups: dict[tuple[Any, ...], _Sums] = defaultdict(_Sums)
    for one in rollups:
        if one.metric in metrics:
            key = tuple(getattr(one, name) if name in by else None for name in names)
            groups[key].add(one)
    # Each part is None in all keys or in none, so that they can be compared.
    return [
        (dict(zip(names, key, strict=True)), groups[key])
        for key in sorted(groups, key=lambda key: [part or "" for part in key])
    ]
