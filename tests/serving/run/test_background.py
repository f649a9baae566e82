import json
import urllib.request

import pytest

from companion.errors import StartError
from companion.serving import serve_in_background
from companion.serving.run import background
from companion.store import read_predictions
from companion.system import free_port


def test_a_served_model_answers_logs_and_ends_with_the_block(
    rain_model, store_url, tmp_path, monkeypatch
):
    """A file of the reader's with our name does not take the server's place."""
    (tmp_path / "companion.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    example = json.loads((rain_model / "serving_input_example.json").read_text())
    columns, rows = example["dataframe_split"].values()
    body = json.dumps({"rows": [dict(zip(columns, rows[0], strict=True))]}).encode()

    with serve_in_background(rain_model, store=store_url) as server:
        request = urllib.request.Request(
            f"{server.url}/predict",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            given = json.load(answer)["predictions"][0]

    # Everyone on the machine can read a command; the address may hold a password.
    assert not any(store_url in argument for argument in server.command)
    assert not server.running
    assert [one.id for one in read_predictions(store_url)] == [given["id"]]


@pytest.mark.parametrize("store", [None, "sqlite:///given.db"])
def test_only_what_is_given_overrides_the_environment(monkeypatch, store):
    monkeypatch.setenv("COMPANION_STORE", "sqlite:///theirs.db")
    monkeypatch.setenv("COMPANION_JOURNAL", "queue")
    started = []
    monkeypatch.setattr(
        background, "start_background", lambda *_, **how: started.append(how["environ"])
    )

    serve_in_background("model", store=store)

    (environ,) = started
    assert environ["COMPANION_STORE"] == (store or "sqlite:///theirs.db")
    assert environ["COMPANION_JOURNAL"] == "queue"


def test_a_password_stands_in_no_message(tmp_path):
    store = "postgresql://cafe:HUNTER2@127.0.0.1:1/log"

    with pytest.raises(StartError) as caught:
        serve_in_background(tmp_path / "no-model", store=store, port=free_port())

    assert "There is no model folder" in str(caught.value)
    assert "HUNTER2" not in str(caught.value)
