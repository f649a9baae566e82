import time

import pytest

from companion.serving import ServerConfig, create_app

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}


@pytest.fixture
def config(rain_model, tmp_path):
    return ServerConfig(model=rain_model, store=f"sqlite:///{tmp_path / 'log.db'}")


def test_ready_says_how_far_the_database_is_behind_and_stays_ready(config):
    client = create_app(config).test_client()
    assert client.get("/health/ready").json["log_behind"] == {
        "bytes": 0,
        "seconds": 0.0,
    }

    client.post("/predict", json={"rows": [ROW, ROW]})
    (line, _) = next(config.journal_path.glob("*.jsonl")).read_bytes().splitlines()[-2:]
    time.sleep(0.01)
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    behind = answer.json["log_behind"]
    assert behind["bytes"] >= 2 * len(line)
    assert 0.01 <= behind["seconds"] < 10


def test_an_unreadable_journal_has_a_reason_and_no_delay(config):
    client = create_app(config).test_client()
    config.journal_path.write_text("in the way")

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json["log_behind"] is None
    assert "journal" in answer.json["reasons"][0]
