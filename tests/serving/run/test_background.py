import json
import urllib.error
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


def test_a_server_with_a_token_is_started_and_refuses_those_without(
    rain_model, tmp_path, monkeypatch
):
    token = "0123456789abcdef"  # noqa: S105 - it opens nothing
    monkeypatch.setenv("COMPANION_TOKEN", token)
    store = f"sqlite:///{tmp_path / 'log.db'}"
    # On all addresses: a token is enough for that.
    options = ["--host", "0.0.0.0", "--access-log"]  # noqa: S104 - the point

    with serve_in_background(rain_model, store=store, options=options) as server:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}/version", timeout=30)
        refused.value.close()
        request = urllib.request.Request(
            f"{server.url}/version", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["model"]["name"] == "rain"

    assert refused.value.code == 401
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    assert [json.loads(line)["status"] for line in lines][-2:] == [401, 200]
    assert token not in server.output() + " ".join(server.command)
    assert "clients must send" in server.output()


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
