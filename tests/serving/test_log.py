import logging
import shutil
from datetime import UTC, datetime

import pytest

from companion.errors import ProblemError
from companion.serving.log import PredictionLog
from companion.store import Journal, Prediction

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
                log.write([PREDICTION])
        folder.unlink()

    with caplog.at_level(logging.ERROR, "companion.serving"):
        fail_twice()
        assert len(caplog.records) == 1
        log.write([PREDICTION])
        log.journal.close()
        shutil.rmtree(folder)

        fail_twice()
        assert len(caplog.records) == 2
