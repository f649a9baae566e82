"""Records as lines of the journal, one JSON object each, or one for many predictions.

`RECORD_TYPES` is the one list of the kinds of record; the columns of their
tables are in `companion.store.sql.schema`.
"""

import json
from collections.abc import Mapping

from companion.errors import SettingError
from companion.store.records.batch import PredictionBatch, split_batch
from companion.store.records.call import LLMCall
from companion.store.records.failed import FailedRequest
from companion.store.records.fields import Record
from companion.store.records.label import Label
from companion.store.records.prediction import Prediction
from companion.store.records.profile import ModelProfile

__all__ = ["RECORD_TYPES", "decode_line", "decode_record", "encode_record"]

_ENCODE = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


# Name of the table -> its record. A new kind of record is added here, in
# companion.store.sql.schema (its columns) and in companion.store.sql.migrations.
RECORD_TYPES: Mapping[str, type[Record]] = {
    Prediction.table: Prediction,
    LLMCall.table: LLMCall,
    FailedRequest.table: FailedRequest,
    ModelProfile.table: ModelProfile,
    Label.table: Label,
}


def encode_record(record: Record | PredictionBatch) -> bytes:
    """Write a record as one line: a JSON object and its only line feed."""
    if isinstance(record, PredictionBatch):
        return record.to_line()
    line = _ENCODE({"table": record.table, **record.to_line()})
    return line.encode("ascii") + b"\n"


def decode_record(line: bytes) -> Record:
    """Read a line of the journal that holds one record; see `decode_line`."""
    (record,) = decode_line(line)
    return record


def decode_line(line: bytes) -> list[Record]:
    """Read the records of a line of the journal; its line feed may be missing.

    Raises ValueError if it is not the whole of records of a known table.
    """
    try:
        row = json.loads(line)
    except RecursionError:
        raise ValueError("the line is nested too deeply") from None
    if not isinstance(row, dict):
        raise SettingError(f"a record is a JSON object, got {row!r:.80}")
    table = row.pop("table", None)
    if not isinstance(table, str) or table not in RECORD_TYPES:
        raise SettingError(
            f"the log has the tables {sorted(RECORD_TYPES)}, got {table!r:.80}"
        )
    kind = RECORD_TYPES[table]
    if kind is Prediction:
        return [kind.from_json(one) for one in split_batch(row)]
    return [kind.from_json(row)]
