"""The kinds of record that the log keeps, one frozen class for each table."""

from companion.store.records.batch import PredictionBatch
from companion.store.records.call import OUTCOMES, LLMCall, replace_non_text
from companion.store.records.failed import FailedRequest
from companion.store.records.fields import Record
from companion.store.records.label import Label, make_label
from companion.store.records.lines import (
    RECORD_TYPES,
    decode_line,
    decode_record,
    encode_record,
)
from companion.store.records.prediction import Prediction
from companion.store.records.profile import ModelProfile

__all__ = [
    "OUTCOMES",
    "RECORD_TYPES",
    "FailedRequest",
    "LLMCall",
    "Label",
    "ModelProfile",
    "Prediction",
    "PredictionBatch",
    "Record",
    "decode_line",
    "decode_record",
    "encode_record",
    "make_label",
    "replace_non_text",
]
