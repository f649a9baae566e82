"""The predictions of one request as one line of the journal.

A thousand rows would take a thousand records longer to write than the model to answer.
So what all rows share is written once, and each column of what differs as one list. The
reader makes the single records of it: nothing past the journal knows of batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from companion.errors import SettingError
from companion.store.records.fields import check_number, check_text
from companion.store.records.prediction import Prediction

__all__ = ["PredictionBatch", "split_batch"]

_KEY = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionBatch:
    """Predictions for rows that hold nothing but finite numbers, true and false.

    Attributes
    ----------
    first : Prediction
        The record of the first row, whose id ends in ``-0``. The others share its
        request, time, model, latency, parameters and trace.
    inputs : sequence of dict, or bytes
        The rows; or the list of them as JSON.
    columns : mapping of str to sequence
        What each row got, by field: `value`, `label`, `score`. The value of another
        field is that of the first record.

    Raises
    ------
    SettingError
        If a value cannot be written.
    """

    first: Prediction
    inputs: Sequence[dict[str, Any]] | bytes
    columns: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if name == "label":
                for label in set(column) - {None}:
                    check_text(name, label)
            # A sum of finite numbers may be infinite, never the other way round.
            elif set(map(type, column)) != {float} or not isfinite(sum(column)):
                for number in column:
                    if number is not None:
                        check_number(name, number)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def to_line(self) -> bytes:
        """Write the line of the journal.

        Raises SettingError if a row holds what JSON cannot hold.
        """
        import orjson  # comes with the extra `serving`, as the server does

        inputs: Any = self.inputs
        if isinstance(inputs, bytes):
            # JSON may have line ends between its values, and none inside of texts.
            line = inputs.replace(b"\n", b" ").replace(b"\r", b" ")
            inputs = orjson.Fragment(line)
        row = {"table": Prediction.table, **self.first.to_line()}
        row[_KEY] = {"inputs": inputs, **self.columns}
        try:
            return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError as err:
            raise SettingError(f"inputs must be JSON values: {err}") from err


def split_batch(row: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Make the single rows of a line; a line that is no batch is one row.

    Raises ValueError if its lists do not fit together.
    """
    batch = row.pop(_KEY, None)
    if batch is None:
        yield row
        return
    request_id = row.get("request_id")
    if not isinstance(batch, dict) or not batch:
        raise SettingError(f"a batch is an object of lists, got {batch!r:.80}")
    try:
        columns = zip(*batch.values(), strict=True)
        for number, values in enumerate(columns):
            own = dict(zip(batch, values, strict=True))
            yield row | own | {"id": f"{request_id}-{number}"}
    except TypeError as err:
        raise ValueError(f"the line holds a broken batch: {err}") from None
