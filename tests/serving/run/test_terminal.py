"""A terminal that closes, and `kill -HUP` in one that stays; on real terminals."""

import os
import pty
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request

import pytest

from companion.system import free_port


class Terminal:
    """A terminal in which a command runs, as in a window of a desktop."""

    def __init__(self, command):
        self._output = b""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            # The tests may run under nohup, and a program inherits what is ignored.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.execvp(command[0], command)  # noqa: S606 - it is ours
        os.set_blocking(self._master, False)

    def type(self, text):
        os.write(self._master, text.encode())

    def output(self):
        try:
            while chunk := os.read(self._master, 65536):
                self._output += chunk
        except OSError:
            pass
        return self._output.decode(errors="replace")

    def close(self):
        """Close the window."""
        os.close(self._master)

    def wait(self):
        """Wait until the command has ended, at most 20 seconds."""
        deadline = time.monotonic() + 20
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def command(rain_model, tmp_path):
    store = f"sqlite:///{tmp_path / 'log.db'}"
    options = ["--port", str(free_port()), "--store", store, "--workers", "2"]
    serve = [sys.executable, "-m", "companion", "serve", str(rain_model)]
    return [*serve, *options]


@pytest.fixture
def processes(processes_with, tmp_path):
    """All processes of the server; none is left at the end."""
    found = processes_with(str(tmp_path))
    yield found
    for pid in found.alive():
        os.kill(pid, signal.SIGKILL)


def port_of(command):
    return command[command.index("--port") + 1]


def answers(command):
    try:
        url = f"http://127.0.0.1:{port_of(command)}/health/ready"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as err:
        err.close()
        return False
    except OSError:
        return False


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_closed_terminal_ends_the_server_and_its_shipper(command, processes):
    terminal = Terminal(command)
    wait_until(lambda: answers(command))

    terminal.close()

    terminal.wait()
    processes.wait_until_gone()


def test_a_shell_that_loses_its_terminal_ends_the_server_in_its_background(
    command, processes
):
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    terminal = Terminal(["bash", "--norc", "-i"])
    terminal.type(f"{' '.join(command)} &\n")
    wait_until(lambda: answers(command))

    terminal.close()

    terminal.wait()
    processes.wait_until_gone()


def test_sighup_in_a_terminal_that_stays_only_reloads(command, processes):
    terminal = Terminal(command)
    wait_until(lambda: answers(command))
    before = set(processes.workers(terminal.pid))

    os.killpg(terminal.pid, signal.SIGHUP)  # as `kill -HUP %1` does

    wait_until(lambda: "from now on" in terminal.output())
    wait_until(lambda: len(set(processes.workers(terminal.pid)) - before) == 2)
    assert answers(command)
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait()
    processes.wait_until_gone()
    terminal.close()


def test_nohup_keeps_the_server_alive(command, processes, tmp_path, monkeypatch):
    if shutil.which("nohup") is None:
        pytest.skip("needs nohup")
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(["nohup", *command])
    wait_until(lambda: answers(command))
    before = set(processes.workers(terminal.pid))

    terminal.close()

    time.sleep(1.5)
    assert answers(command)
    assert set(processes.workers(terminal.pid)) == before  # nor does it reload
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait()
    processes.wait_until_gone()
