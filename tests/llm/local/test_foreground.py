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

import pytest

from companion.llm import local_model
from companion.llm.local.model import running_server
from companion.llm.local.registry import start_lock
from companion.system import free_port

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
    pytest.mark.usefixtures("own_cache"),
]

SERVE = [sys.executable, "-m", "companion", "llm", "serve"]


@pytest.fixture
def serve():
    """`companion llm serve`, once it has said its address."""
    started = []

    def start(*words, command=SERVE):
        process = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        greeting = [process.stdout.readline() for _ in range(5)]
        return process, "".join(greeting)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def open_files(pid):
    return [entry.resolve() for entry in Path(f"/proc/{pid}/fd").iterdir()]


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(serve, number):
    port = free_port()
    process, _ = serve("--port", str(port), "--context", "256", "--parallel", "1")
    assert health(port) == {"status": "ok"}

    process.send_signal(number)

    assert process.wait(20) == 0
    assert running_server() is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("stays", [False, True])
def test_it_ends_with_the_program_that_started_it_unless_that_was_nohup(
    serve, is_running, wait_until, stays
):
    """A shell that waits; `nohup` lets its program ignore the hang-up."""
    hangup = "trap '' HUP; " if stays else ""
    words = shlex.join([*SERVE, "--port", "0", "--context", "256", "--parallel", "1"])
    shell, _ = serve(command=["sh", "-c", f"{hangup}{words} & wait"])
    server = running_server()
    assert server.lasting
    assert server.pid != shell.pid

    shell.kill()
    shell.wait()

    if stays:
        with pytest.raises(AssertionError):
            wait_until(lambda: not is_running(server.pid), timeout_s=1.5)
        os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: not is_running(server.pid))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_it_ends_when_its_starter_dies_while_the_model_is_loaded(
    own_cache, is_running, wait_until
):
    """Another holds the lock meanwhile, so that loading has to wait for it."""
    words = shlex.join([*SERVE, "--port", "0", "--context", "256", "--parallel", "1"])
    with start_lock():
        shell = subprocess.Popen(
            ["sh", "-c", f"{words} & echo $!; wait"], stdout=subprocess.PIPE, text=True
        )
        pid = int(shell.stdout.readline())
        (lock,) = own_cache.rglob("start-*.lock")
        wait_until(lambda: lock in open_files(pid))
        shell.kill()
        shell.wait()

    shell.stdout.close()
    wait_until(lambda: not is_running(pid))


def test_of_two_that_start_at_once_on_a_port_one_names_the_other(wait_until):
    words = [*SERVE, "--port", str(free_port()), "--context", "256", "--parallel", "1"]
    pair = [
        subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    wait_until(lambda: any(one.poll() is not None for one in pair))
    loser, winner = sorted(pair, key=lambda one: one.poll() is None)
    winner.terminate()

    assert f"process {winner.pid}. Use it, end it with" in loser.communicate()[1]
    assert (loser.returncode, winner.wait(20)) == (1, 0)
    winner.stderr.close()


def test_local_model_uses_it_and_leaves_it_running(serve, is_running):
    process, _ = serve("--port", "0", "--context", "256", "--parallel", "1")

    with local_model() as model:
        assert model.pid == process.pid
        assert (model.context, model.parallel) == (256, 1)

    assert is_running(process.pid)
    assert running_server().pid == process.pid


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
    process, _ = serve("--port", str(port), "--context", "256", "--parallel", "1")

    result = subprocess.run(
        [*SERVE, "--port", str(port)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert f"process {process.pid}. Use it, end it with `companion llm stop`" in (
        result.stderr
    )


def test_a_model_that_cannot_be_loaded_is_named_beside_llama_cpps_reasons(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    result = subprocess.run(
        [*SERVE, "--port", "0", "--model", str(broken)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    ours = f"Error: llama.cpp could not serve {broken} with 4 x 2048 tokens"
    assert [line for line in result.stderr.splitlines() if line.startswith(ours)]
    assert "bad GGUF version" in result.stderr


def test_an_address_that_cannot_be_written_down_is_told_in_a_sentence(own_cache):
    """A program that may write no file has what a full disk leaves it."""
    words = shlex.join([*SERVE, "--port", "0", "--context", "256", "--parallel", "1"])

    result = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; exec {words}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (result.returncode, result.stdout) == (1, "")
    said = result.stderr.splitlines()[-1]
    assert said.startswith("Error: The server's address cannot be written")
    assert f"Make room in {own_cache}" in said
