import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from companion.errors import ProblemError
from companion.serving.log import PredictionLog
from companion.store import Journal, ModelProfile, Prediction
from companion.store.records import decode_record

PREDICTION = Prediction(
    id="r-0",
    request_id="r",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    model_name="rain",
    model_version="3",
    inputs={"rain_mm": 2.5},
    value=0.25,
    latency_ms=1.5,
)


def test_each_outage_is_told_once_and_a_written_prediction_ends_it(tmp_path, caplog):
    folder = tmp_path / "journal"
    log = PredictionLog(Journal(folder))

    def fail_twice():
        folder.write_text("in the way")
        for _ in range(2):
            with pytest.raises(ProblemError):
                log.write([PREDICTION], {})
        folder.unlink()

    with caplog.at_level(logging.ERROR, "companion.serving"):
        fail_twice()
        assert len(caplog.records) == 1
        log.write([PREDICTION], {})
        log.journal.close()
        shutil.rmtree(folder)

        fail_twice()
        assert len(caplog.records) == 2


def test_the_profile_of_a_model_goes_before_its_first_predictions(tmp_path):
    log = PredictionLog(Journal(tmp_path))
    profile = {"rain_mm": {"kind": "number", "edges": [0.0, 1.0]}}
    other = replace(PREDICTION, model_version="4")

    for prediction in (PREDICTION, PREDICTION, other, PREDICTION):
        log.write([prediction], profile)
    log.write([PREDICTION], {})

    (file,) = tmp_path.iterdir()
    records = [decode_record(line) for line in file.read_bytes().splitlines()]
    kinds = [(type(one), one.model_version) for one in records]
    assert kinds == [
        (ModelProfile, "3"),
        (Prediction, "3"),
        (Prediction, "3"),
        (ModelProfile, "4"),
        (Prediction, "4"),
        (Prediction, "3"),
        (Prediction, "3"),
    ]
    assert records[0].columns == profile
    assert records[0].id != records[3].id
