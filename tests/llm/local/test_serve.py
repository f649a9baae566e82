import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from companion.llm import chat_model, local_model
from companion.system import free_port
from companion.system.ports import take_port

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
    pytest.mark.usefixtures("own_servers"),
]

SERVE = [sys.executable, "-m", "companion", "llm", "serve"]
SMALL = ["--context", "256", "--parallel", "1"]


@pytest.fixture
def run():
    """A program that is ended with the test, whatever comes of it."""
    started = []

    def start(*words, stderr=subprocess.PIPE):
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def serve(run):
    """`companion llm serve`, once it has said its address."""

    def start(*words, command=SERVE, stderr=None):
        process = run(*command, *words, stderr=stderr)
        return process, greeting(process)

    return start


def greeting(process):
    return "".join(process.stdout.readline() for _ in range(7))


def children(pid):
    path = f"/proc/{pid}/task/{pid}/children"
    return [int(child) for child in Path(path).read_text().split()]


def health(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as got:
        return json.load(got)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_it_prints_where_it_is_and_a_line_that_asks_it(serve):
    port = free_port()

    _, greeting = serve("--port", str(port), "--context", "512", "--parallel", "1")

    assert greeting.startswith(
        f"Serving smollm2-135m-instruct on http://127.0.0.1:{port}/v1\n"
        "  room for    1 request at once, each of 512 tokens\n"
    )
    (line,) = re.findall(r"^  ask it +(curl .*)$", greeting, re.M)
    answer = json.loads(subprocess.check_output([*shlex.split(line), "--silent"]))
    assert answer["choices"][0]["message"]["content"]


def test_the_greeting_and_the_help_say_that_a_call_by_curl_is_not_recorded(
    serve, tmp_path, monkeypatch
):
    """And it is not: neither a log nor a journal appears."""
    monkeypatch.chdir(tmp_path)
    _, greeting = serve("--port", "0", *SMALL)
    (url,) = re.findall(r"COMPANION_LLM_URL=(\S+)$", greeting, re.M)
    question = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    asked = urllib.request.Request(
        f"{url}/chat/completions",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )

    with urllib.request.urlopen(asked, timeout=60) as got:
        assert json.load(got)["choices"]

    ask, on_record = greeting.splitlines()[2:4]
    assert ask.startswith("  ask it      curl ")
    assert on_record.startswith("  on record   not this call; those through companion")
    assert list(tmp_path.iterdir()) == []
    said = subprocess.check_output([*SERVE, "--help"], text=True)
    assert "A call by curl is in no log." in " ".join(said.split())


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(own_servers, serve, number):
    port = free_port()
    process, _ = serve("--port", str(port), *SMALL)
    assert health(port) == {"status": "ok"}

    process.send_signal(number)

    assert process.wait(20) == 0
    assert own_servers() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stop_ends_it_and_frees_its_port(serve):
    port = free_port()
    process, _ = serve("--port", str(port), *SMALL)

    subprocess.check_call(
        [*SERVE[:-1], "stop", "--port", str(port)], stdout=subprocess.DEVNULL
    )

    take_port("127.0.0.1", port).close()
    assert process.wait(20) == 0


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_when_it_is_killed_or_its_terminal_closes(
    own_servers, serve, is_running, wait_until, number
):
    process, _ = serve("--port", "0", *SMALL)
    (server,) = own_servers()
    assert (server.owner_pid, server.owner) == (process.pid, "companion llm serve")

    process.send_signal(number)

    wait_until(lambda: not is_running(server.pid) and own_servers() == [])


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("stays", [False, True])
def test_it_ends_with_the_program_that_started_it_unless_that_was_nohup(
    own_servers, serve, is_running, wait_until, stays
):
    """A shell that waits; `nohup` lets its program ignore the hang-up."""
    hangup = "trap '' HUP; " if stays else ""
    words = shlex.join([*SERVE, "--port", "0", *SMALL])
    shell, _ = serve(command=["sh", "-c", f"{hangup}{words} & wait"])
    (server,) = own_servers()
    assert server.owner_pid != shell.pid

    shell.kill()
    shell.wait()

    if stays:
        with pytest.raises(AssertionError):
            wait_until(lambda: not is_running(server.owner_pid), timeout_s=1.5)
        os.kill(server.owner_pid, signal.SIGTERM)
    wait_until(lambda: not is_running(server.pid))


@LINUX
@pytest.mark.usefixtures("heard_signals")
def test_it_ends_when_its_starter_dies_while_the_model_is_loaded(
    own_servers, run, is_running, wait_until
):
    words = shlex.join([*SERVE, "--port", "0", *SMALL])
    shell = run("sh", "-c", f"{words} & echo $!; wait", stderr=None)
    pid = int(shell.stdout.readline())
    wait_until(lambda: children(pid))
    (server,) = children(pid)

    shell.kill()
    shell.communicate()

    wait_until(
        lambda: not is_running(pid) and not is_running(server) and own_servers() == []
    )


@LINUX
@pytest.mark.usefixtures("heard_signals")
def test_ctrl_c_while_the_model_is_loaded_leaves_nothing(
    own_servers, run, is_running, wait_until
):
    process = run(*SERVE, "--port", "0", *SMALL)
    wait_until(lambda: children(process.pid))
    (server,) = children(process.pid)

    process.send_signal(signal.SIGINT)

    said, error = process.communicate(timeout=20)
    assert (said, error.strip()) == ("", "Interrupted.")
    assert process.returncode == 130
    wait_until(lambda: not is_running(server) and own_servers() == [])


def test_a_server_that_is_killed_ends_the_command_with_a_sentence(own_servers, serve):
    process, _ = serve("--port", "0", *SMALL, stderr=subprocess.PIPE)
    (server,) = own_servers()

    os.kill(server.pid, signal.SIGKILL)

    assert process.stderr.read() == (
        "Error: The server of the language model ended by itself. It said: nothing "
        "(exit code -9). Start it again with `companion llm serve`.\n"
    )
    assert process.wait(20) == 1


def test_of_two_that_start_at_once_on_a_port_one_names_the_other(run, wait_until):
    words = [*SERVE, "--port", str(free_port()), *SMALL]
    pair = [run(*words) for _ in range(2)]

    wait_until(lambda: any(one.poll() is not None for one in pair))
    loser, winner = sorted(pair, key=lambda one: one.poll() is None)

    assert f"(process {winner.pid}). Use it, end it with" in loser.stderr.read()
    assert greeting(winner).startswith("Serving ")
    winner.terminate()
    assert (loser.returncode, winner.wait(20)) == (1, 0)


@LINUX
def test_one_that_still_loads_its_model_is_named(run, wait_until):
    """It is stopped as soon as it listens, so it answers nobody yet."""
    port = free_port()
    words = [*SERVE, "--port", str(port), *SMALL]
    first = run(*words)
    server = 0

    def is_frozen():
        nonlocal server
        server = next(iter(children(first.pid)), 0)
        if server and psutil.Process(server).net_connections(kind="tcp"):
            os.kill(server, signal.SIGSTOP)
            return True
        return False

    wait_until(is_frozen)
    try:
        second = run(*words)
        assert second.wait(20) == 1
        assert f"(process {first.pid}). Use it, end it with" in second.stderr.read()
    finally:
        os.kill(server, signal.SIGCONT)
    greeting(first)


def test_local_model_and_chat_model_use_it_where_its_address_is_set(
    own_servers, serve, is_running, monkeypatch
):
    """They leave it running, and who wants another context gets a server."""
    process, greeting = serve("--port", "0", *SMALL)
    (served,) = own_servers()
    (url,) = re.findall(r"^  share it +export COMPANION_LLM_URL=(.*)$", greeting, re.M)

    with local_model() as own:
        assert own.pid != served.pid
    monkeypatch.setenv("COMPANION_LLM_URL", url)
    with local_model() as model:
        assert (model.pid, model.base_url) == (served.pid, url)
        assert (model.context, model.parallel) == (256, 1)
        chat = chat_model(max_tokens=2)
        assert (chat.openai_api_base, chat.model_name) == (url, model.name)
        assert chat.invoke("Hello").content
    with local_model(context=512, parallel=1) as wider:
        assert wider.pid != served.pid

    assert is_running(served.pid)
    assert process.poll() is None


def test_where_the_address_names_no_running_server_a_model_is_started(monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_URL", f"http://127.0.0.1:{free_port()}/v1")

    with local_model(context=256, parallel=1) as model:
        assert model.running


def test_a_port_that_another_program_has_is_refused_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        result = subprocess.run(
            [*SERVE, "--port", str(port)], capture_output=True, text=True, check=False
        )

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: Another program listens on port {port} of 127.0.0.1. Stop it, or "
        f"choose another port, such as --port {port + 1}.\n"
    )


def test_a_port_that_another_model_has_is_refused_with_its_name(serve):
    port = free_port()
    process, _ = serve("--port", str(port), *SMALL)

    result = subprocess.run(
        [*SERVE, "--port", str(port)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert (
        f"(process {process.pid}). Use it, end it with `companion llm stop --port "
        f"{port}`, or choose"
    ) in result.stderr


def test_a_model_that_cannot_be_loaded_is_named_with_llama_cpps_reasons(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    result = subprocess.run(
        [*SERVE, "--port", "0", "--model", str(broken)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith(
        f"Error: The language model in {broken} could not be started with 4 x 2048 "
        "tokens of context. It said: "
    )
    assert "bad GGUF version" in result.stderr


def test_it_serves_where_it_may_write_no_file(serve):
    """As where a disk is full."""
    words = shlex.join([*SERVE, "--port", "0", *SMALL])

    process, greeting = serve(command=["sh", "-c", f"ulimit -f 0; exec {words}"])

    (port,) = re.findall(r"stop --port (\d+)$", greeting.strip())
    assert health(port) == {"status": "ok"}
    process.terminate()
    assert process.wait(20) == 0
