"""Records as lines of the journal, one JSON object each.

`RECORD_TYPES` is the one list of the kinds of record; the columns of their
tables are in `companion.store.sql.schema`.
"""

import json
from collections.abc import Mapping

from companion.errors import SettingError
from companion.store.records.call import LLMCall
from companion.store.records.failed import FailedRequest
from companion.store.records.fields import Record
from companion.store.records.prediction import Prediction
from companion.store.records.profile import ModelProfile

__all__ = ["RECORD_TYPES", "decode_record", "encode_record"]

_ENCODE = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


# Name of the table -> its record. A new kind of record is added here, in
# companion.store.sql.schema (its columns) and in companion.store.sql.migrations.
RECORD_TYPES: Mapping[str, type[Record]] = {
    Prediction.table: Prediction,
    LLMCall.table: LLMCall,
    FailedRequest.table: FailedRequest,
    ModelProfile.table: ModelProfile,
}


def encode_record(record: Record) -> bytes:
    """Write a record as one line: a JSON object in ASCII and its only line feed."""
    line = _ENCODE({"table": record.table, **record.to_line()})
    return line.encode("ascii") + b"\n"


def decode_record(line: bytes) -> Record:
    """Read a line of the journal; its line feed may be missing.

    Raises ValueError if it is not the whole of one record of a known table.
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
    return RECORD_TYPES[table].from_json(row)
