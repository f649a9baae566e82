"""The kinds of record that the log keeps, one frozen class for each table."""

from companion.store.records.call import OUTCOMES, LLMCall, replace_non_text
from companion.store.records.fields import Record
from companion.store.records.lines import (
    RECORD_TYPES,
    decode_record,
    encode_record,
)
from companion.store.records.prediction import Prediction

__all__ = [
    "OUTCOMES",
    "RECORD_TYPES",
    "LLMCall",
    "Prediction",
    "Record",
    "decode_record",
    "encode_record",
    "replace_non_text",
]
