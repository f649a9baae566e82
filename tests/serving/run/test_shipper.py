from datetime import UTC, datetime

from companion.serving.run.shipper import ShipperProcess
from companion.store import Journal, Prediction, journal_folder, read_predictions


def test_a_file_in_the_working_folder_is_not_run_in_the_place_of_the_shipper(
    tmp_path, monkeypatch
):
    (tmp_path / "companion.py").write_text("open('was-run', 'w').close()")
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path / 'log.db'}"
    folder = journal_folder(store)
    journal = Journal(folder)
    journal.append(
        [
            Prediction(
                id="r-0",
                request_id="r",
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
                model_name="rain",
                model_version="3",
                inputs={"rain_mm": 2.5},
                value=0.25,
                latency_ms=1.5,
            )
        ]
    )
    journal.close()

    shipper = ShipperProcess(store, folder)
    shipper.keep_running()
    shipper.stop()

    assert not (tmp_path / "was-run").exists()
    assert [prediction.id for prediction in read_predictions(store)] == ["r-0"]
