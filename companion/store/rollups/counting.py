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
(`companion.contract.profile`), the newest that the log has when the record comes in; a
record that comes before any has no inputs counted. A label, column, problem or reason
is cut after 200 bytes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from companion.contract.profile import ColumnProfile
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
    "make_binning",
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


# Columns, each with the field that keeps its counts and what names a value's bin.
Binning = Sequence[tuple[str, str, Callable[[object], str]]]
# Name and version of a model -> the bins of its inputs.
Profiles = Mapping[tuple[str, str], Binning]


# How many records are in each cell, and the sum of their numbers.
Counts = dict[Cell, tuple[int, float]]


class _Tally(dict[tuple[str, str, str], list[Any]]):
    """The counts of one minute and model: by metric, field and bin."""

    def add(self, metric: str, field: str, bin_: str, number: float = 0.0) -> None:
        """Count one record."""
        key = (metric, field, bin_)
        if key not in self:
            self[key] = [0, 0.0]
        sums = self[key]
        sums[0] += 1
        if -_MAX_SUMMED < number < _MAX_SUMMED:
            sums[1] += number

    def add_number(self, metric: str, number: float | None) -> None:
        """Count one number in its bin, if it is known."""
        if number is not None:
            self.add(metric, "", bin_of(number), number)


def count_records(records: Iterable[Record], profiles: Profiles) -> Counts:
    """Count records; inputs of models that have no profile are left out."""
    tallies: dict[tuple[datetime, str, str], _Tally] = defaultdict(_Tally)
    for record in records:
        minute = record.created_at.replace(second=0, microsecond=0)
        if isinstance(record, Prediction):
            model = (record.model_name, record.model_version)
            _count_prediction(tallies[minute, *model], record, profiles.get(model, ()))
        elif isinstance(record, FailedRequest):
            model = (record.model_name or "", record.model_version or "")
            _count_failed(tallies[minute, *model], record)
        elif isinstance(record, LLMCall):
            _count_call(tallies[minute, record.model, ""], record)
    return {
        Cell(metric, minute, name, version, field, bin_): (n, total)
        for (minute, name, version), tally in tallies.items()
        for (metric, field, bin_), (n, total) in tally.items()
    }


def make_binning(profile: Mapping[str, ColumnProfile]) -> Binning:
    """Prepare the bins of a training profile for counting."""
    return [(name, key_text(name), bins.bin_of) for name, bins in profile.items()]


def key_text(text: str) -> str:
    """Return a text as `field` and `bin` keep it: at most 200 bytes of UTF-8."""
    if len(text) <= _MAX_BYTES // 4 and text.isalnum():
        return text
    return replace_non_text(text).encode()[:_MAX_BYTES].decode(errors="ignore")


def _count_prediction(tally: _Tally, record: Prediction, binning: Binning) -> None:
    tally.add("predictions", "", "")
    if _is_first_row(record):
        # The rows of a request share its latency, which is counted once.
        tally.add("requests", "", "")
        tally.add_number("latency_ms", record.latency_ms)
    tally.add_number("value", record.value)
    tally.add_number("score", record.score)
    if record.label is not None:
        tally.add("label", "", key_text(record.label))
    for column, field, bin_of_input in binning:
        tally.add("input", field, bin_of_input(record.inputs.get(column)))


def _is_first_row(record: Prediction) -> bool:
    """Tell whether a prediction is the first row of its request.

    The server numbers the rows of a request from 0 on, in their ids.
    """
    return record.id in (record.request_id, f"{record.request_id}-0")


def _count_failed(tally: _Tally, record: FailedRequest) -> None:
    metric = "refusals" if record.status < 500 else "errors"
    tally.add(metric, key_text(record.problem), key_text(record.reason or ""))


def _count_call(tally: _Tally, record: LLMCall) -> None:
    tally.add("calls", "", record.outcome)
    tally.add_number("call_latency_ms", record.latency_ms)
    tally.add_number("first_token_ms", record.first_token_ms)
    for metric in ("input_tokens", "cached_tokens", "output_tokens"):
        if (tokens := getattr(record, metric)) is not None:
            tally.add(metric, "", "", tokens)
