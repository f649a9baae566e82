import json
import urllib.request
from pathlib import Path

import pytest

from companion.errors import StartError
from companion.serving import serve_in_background
from companion.store import read_predictions
from companion.system import free_port


def test_a_served_model_answers_logs_and_ends_with_the_block(rain_model, tmp_path):
    store = f"sqlite:///{tmp_path / 'log.db'}"
    example = json.loads((rain_model / "serving_input_example.json").read_text())
    columns, rows = example["dataframe_split"].values()
    body = json.dumps({"rows": [dict(zip(columns, rows[0], strict=True))]}).encode()

    with serve_in_background(rain_model, store=store) as server:
        request = urllib.request.Request(
            f"{server.url}/predict",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            given = json.load(answer)["predictions"][0]

    # Every user of the machine can read a command; the address may hold a password.
    assert not any("log.db" in word for word in server.command)
    assert not server.running
    assert [one.id for one in read_predictions(store)] == [given["id"]]


def test_a_password_stands_in_no_message(tmp_path):
    store = "postgresql://cafe:HUNTER2@127.0.0.1:1/log"

    with pytest.raises(StartError) as caught:
        serve_in_background(tmp_path / "no-model", store=store, port=free_port())

    assert "There is no model folder" in str(caught.value)
    assert "HUNTER2" not in str(caught.value)


def test_a_file_of_the_readers_does_not_take_the_servers_place(
    rain_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "companion.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)

    with serve_in_background(rain_model, store="sqlite:///log.db") as server:
        assert server.running
