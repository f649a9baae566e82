"""Counts records into the cells of the roll-ups.

A cell is a minute of one model in one version, one metric, and what the metric is
divided into:

================  ==============  ==========  ====================================
metric            field           bin         counted, and summed in `total`
================  ==============  ==========  ====================================
predictions                                   predictions (rows)
requests                                      requests that were answered
latency_ms                        number      such requests; milliseconds
value                             number      predictions with a value; values
score                             number      predictions with a score; scores
label                             label       predictions with this label
input             column          of profile  predictions with such an input
refusals          problem         reason      requests refused, status below 500
errors            problem         reason      requests that failed, 500 and above
calls                             outcome     calls to a language model
call_latency_ms                   number      calls; milliseconds
first_token_ms                    number      streamed calls; milliseconds
input_tokens                                  calls that reported them; tokens
cached_tokens                                 calls that reported them; tokens
output_tokens                                 calls that reported them; tokens
================  ==============  ==========  ====================================

What does not apply is the empty text. Bins of numbers are those of
`companion.store.rollups.bins`, bins of inputs those of the model's training profile
(`companion.contract.profile`). A label, column, problem or reason is cut after 200
bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from companion.store.records import FailedRequest, LLMCall, Prediction, Record
from companion.store.records.call import replace_non_text
from companion.store.rollups.bins import bin_of

__all__ = [
    "METRICS",
    "OTHER_LABELS",
    "Binning",
    "Cell",
    "Counts",
    "Profiles",
    "count_records",
    "key_text",
]

METRICS = (
    "predictions",
    "requests",
    "latency_ms",
    "value",
    "score",
    "label",
    "input",
    "refusals",
    "errors",
    "calls",
    "call_latency_ms",
    "first_token_ms",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
)
# The bin of labels beyond those that are counted one by one; no label is empty.
OTHER_LABELS = ""
# Sums of larger numbers could overflow in a database; they are counted only.
_MAX_SUMMED = 1e100
# A row of an index in PostgreSQL has 2,704 bytes; a name and a version take 1,600.
_MAX_BYTES = 200


class Cell(NamedTuple):
    """What is counted together; in the order of the table's key."""

    metric: str
    minute: datetime
    model_name: str
    model_version: str
    field: str
    bin: str


# Name of a column -> what names the bin of one of its values.
Binning = Mapping[str, Callable[[Any], str]]
# Name and version of a model -> the bins of its inputs.
Profiles = Mapping[tuple[str, str], Binning]


class Counts(dict[Cell, tuple[int, float]]):
    """How many records are in each cell, and the sum of their numbers."""

    def add(self, cell: Cell, number: float = 0.0) -> None:
        """Count one record."""
        n, total = self.get(cell, (0, 0.0))
        if -_MAX_SUMMED < number < _MAX_SUMMED:
            total += number
        self[cell] = (n + 1, total)


def count_records(records: Iterable[Record], profiles: Profiles) -> Counts:
    """Count records; inputs of models that have no profile are left out."""
    counts = Counts()
    for record in records:
        minute = record.created_at.replace(second=0, microsecond=0)
        match record:
            case Prediction():
                _count_prediction(counts, record, minute, profiles)
            case FailedRequest():
                _count_failed(counts, record, minute)
            case LLMCall():
                _count_call(counts, record, minute)
    return counts


def key_text(text: str) -> str:
    """Return a text as `field` and `bin` keep it: at most 200 bytes of UTF-8."""
    if len(text) <= _MAX_BYTES // 4 and text.isalnum():
        return text
    return replace_non_text(text).encode()[:_MAX_BYTES].decode(errors="ignore")


def _count_prediction(
    counts: Counts, record: Prediction, minute: datetime, profiles: Profiles
) -> None:
    name, version = record.model_name, record.model_version

    def add(metric: str, field: str, bin_: str, number: float = 0.0) -> None:
        counts.add(Cell(metric, minute, name, version, field, bin_), number)

    add("predictions", "", "")
    if _is_first_row(record):
        # The rows of a request share its latency, which is counted once.
        add("requests", "", "")
        add("latency_ms", "", bin_of(record.latency_ms), record.latency_ms)
    if record.value is not None:
        add("value", "", bin_of(record.value), record.value)
    if record.score is not None:
        add("score", "", bin_of(record.score), record.score)
    if record.label is not None:
        add("label", "", key_text(record.label))
    for column, bin_of_input in profiles.get((name, version), {}).items():
        add("input", column, bin_of_input(record.inputs.get(column)))


def _is_first_row(record: Prediction) -> bool:
    """Tell whether a prediction is the first row of its request.

    The server numbers the rows of a request from 0 on, in their ids.
    """
    return record.id in (record.request_id, f"{record.request_id}-0")


def _count_failed(counts: Counts, record: FailedRequest, minute: datetime) -> None:
    metric = "refusals" if record.status < 500 else "errors"
    name, version = record.model_name or "", record.model_version or ""
    problem, reason = key_text(record.problem), key_text(record.reason or "")
    counts.add(Cell(metric, minute, name, version, problem, reason))


def _count_call(counts: Counts, record: LLMCall, minute: datetime) -> None:
    def add(metric: str, bin_: str, number: float = 0.0) -> None:
        counts.add(Cell(metric, minute, record.model, "", "", bin_), number)

    add("calls", record.outcome)
    if record.latency_ms is not None:
        add("call_latency_ms", bin_of(record.latency_ms), record.latency_ms)
    if record.first_token_ms is not None:
        add("first_token_ms", bin_of(record.first_token_ms), record.first_token_ms)
    for metric in ("input_tokens", "cached_tokens", "output_tokens"):
        if (tokens := getattr(record, metric)) is not None:
            add(metric, "", tokens)
