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

from collections import Counter, defaultdict
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
# Name and version.
Model = tuple[str, str]
# Model -> the bins of its inputs.
Profiles = Mapping[Model, Binning]


# How many records are in each cell, and the sum of their numbers.
Counts = dict[Cell, tuple[int, float]]


class _Tally(dict[tuple[str, str, str], tuple[int, float]]):
    """The counts of one minute and model: by metric, field and bin."""

    def add(self, metric: str, field: str, bins: Iterable[str]) -> None:
        """Count a record in each of these bins."""
        for bin_, n in Counter(bins).items():
            # Two columns may have one field, since names are cut.
            before, total = self.get((metric, field, bin_), (0, 0.0))
            self[metric, field, bin_] = (before + n, total)

    def add_numbers(self, metric: str, numbers: Iterable[float | None]) -> None:
        """Count numbers in their bins; None is no number."""
        by_bin: dict[str, list[float]] = defaultdict(list)
        for number in numbers:
            if number is not None:
                by_bin[bin_of(number)].append(number)
        for bin_, group in by_bin.items():
            self[metric, "", bin_] = (len(group), _sum(group))


def count_records(records: Iterable[Record], profiles: Profiles) -> Counts:
    """Count records; inputs of models that have no profile are left out."""
    groups: dict[tuple[type, datetime, Model], list[Any]] = defaultdict(list)
    for record in records:
        if type(record) in _COUNTERS:
            minute = record.created_at.replace(second=0, microsecond=0)
            groups[type(record), minute, _model_of(record)].append(record)
    counts: Counts = {}
    for (kind, minute, model), group in groups.items():
        tally = _Tally()
        _COUNTERS[kind](tally, group, profiles.get(model, ()))
        for (metric, field, bin_), sums in tally.items():
            counts[Cell(metric, minute, *model, field, bin_)] = sums
    return counts


def _model_of(record: Any) -> Model:
    if isinstance(record, LLMCall):
        return record.model, ""
    return record.model_name or "", record.model_version or ""


def make_binning(profile: Mapping[str, ColumnProfile]) -> Binning:
    """Prepare the bins of a training profile for counting."""
    return [(name, key_text(name), bins.bin_of) for name, bins in profile.items()]


def key_text(text: str) -> str:
    """Return a text as `field` and `bin` keep it: at most 200 bytes of UTF-8."""
    if len(text) <= _MAX_BYTES // 4 and text.isalnum():
        return text
    return replace_non_text(text).encode()[:_MAX_BYTES].decode(errors="ignore")


def _count_predictions(
    tally: _Tally, group: Sequence[Prediction], binning: Binning
) -> None:
    tally.add("predictions", "", [""] * len(group))
    # The rows of a request share its latency, which is counted once.
    requests = [one for one in group if _is_first_row(one)]
    tally.add("requests", "", [""] * len(requests))
    tally.add_numbers("latency_ms", [one.latency_ms for one in requests])
    tally.add_numbers("value", [one.value for one in group])
    tally.add_numbers("score", [one.score for one in group])
    labels = [one.label for one in group if one.label is not None]
    tally.add("label", "", map(key_text, labels))
    for column, field, bin_of_input in binning:
        values = [one.inputs.get(column) for one in group]
        tally.add("input", field, map(bin_of_input, values))


def _is_first_row(record: Prediction) -> bool:
    """Tell whether a prediction is the first row of its request.

    The server numbers the rows of a request from 0 on, in their ids.
    """
    return record.id in (record.request_id, f"{record.request_id}-0")


def _count_failed(
    tally: _Tally, group: Sequence[FailedRequest], binning: Binning
) -> None:
    del binning  # nothing of a failed request's rows is kept
    for one in group:
        metric = "refusals" if one.status < 500 else "errors"
        tally.add(metric, key_text(one.problem), [key_text(one.reason or "")])


def _count_calls(tally: _Tally, group: Sequence[LLMCall], binning: Binning) -> None:
    del binning  # a language model has no columns
    tally.add("calls", "", [one.outcome for one in group])
    tally.add_numbers("call_latency_ms", [one.latency_ms for one in group])
    tally.add_numbers("first_token_ms", [one.first_token_ms for one in group])
    for metric in ("input_tokens", "cached_tokens", "output_tokens"):
        known = [n for one in group if (n := getattr(one, metric)) is not None]
        if known:
            tally[metric, "", ""] = (len(known), _sum(known))


def _sum(numbers: Iterable[float]) -> float:
    return float(sum(n for n in numbers if -_MAX_SUMMED < n < _MAX_SUMMED))


_COUNTERS: Mapping[type, Callable[[_Tally, Sequence[Any], Binning], None]] = {
    Prediction: _count_predictions,
    FailedRequest: _count_failed,
    LLMCall: _count_calls,
}
