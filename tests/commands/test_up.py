"""`companion up` with its real servers, and its end with quick ones in their place."""

import json
import os
import pty
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request

import pytest

from companion.cli import main
from companion.system.ports import take_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# A stack whose parts are ready at once: what ends it does not depend on what they are.
QUICK = """
import os, sys
from companion.cli import main
from companion.commands import up
from companion.system.stack import Part

def make_parts(model, folder, ports):
    for name, port in zip(("MLflow", "The model server"), ports):
        web = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
        yield Part(
            name=name, command=web, url=f"http://127.0.0.1:{port}", ready_path="/",
            environ=os.environ, log=folder / "logs" / f"{name[-6:]}.log",
        )

up._make_parts = make_parts
up._check_folder = lambda model: None
sys.exit(main(["up", "model", "--mlflow-port", "0", "--port", "0"]))
"""
HUP = int(getattr(signal, "SIGHUP", 0))
URL = re.compile(r"runs on (http://127\.0\.0\.1:\d+)")


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except OSError:
        return False
    return True


def wait_until(condition, timeout_s=90.0):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


class Stack:
    """`companion up` in a process of its own."""

    def __init__(self, command, folder, **options):
        self.folder = folder
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=output, **options
            )

    def text(self):
        return self.output.read_text()

    def urls(self, number):
        """Wait until so many parts are ready."""

        def find():
            assert self.process.poll() is None, self.text()
            return len(found := URL.findall(self.text())) == number and found

        return wait_until(find)

    def wait(self):
        return self.process.wait(40)


@pytest.fixture
def start(tmp_path):
    """Start a stack in the test's folder, and leave none."""
    started = []

    def start(*command, **options):
        started.append(Stack([sys.executable, *command], tmp_path, **options))
        return started[-1]

    yield start
    for stack in started:
        if stack.process.poll() is None:
            stack.process.kill()
            stack.process.wait()


@pytest.fixture
def quick(start):
    return start("-c", QUICK)


def version_of(server):
    with urllib.request.urlopen(f"{server}/version") as answer:
        model = json.load(answer)["model"]
    return {key: model[key] for key in ("name", "version")}


def up(*arguments):
    return ("-m", "companion", "up", *arguments, "--mlflow-port", "0", "--port", "0")


@pytest.mark.usefixtures("mlflow_state")
def test_a_model_that_was_registered_in_the_stack_is_served_at_its_next_start(
    start, rain_model, monkeypatch
):
    """The variables are left over: one from the greeting of an earlier stack."""
    from companion.system.mlflow import load_mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("COMPANION_UNIX_SOCKET", "elsewhere.sock")
    stack = start(*up(str(rain_model)))
    mlflow, server = stack.urls(2)
    assert version_of(server) == {"name": "rain", "version": "3"}
    client = load_mlflow("The tests").MlflowClient(mlflow)
    run = client.create_run("0").info.run_id
    client.log_artifacts(run, str(rain_model), "model")
    client.create_registered_model("rain")
    client.create_model_version("rain", f"runs:/{run}/model", run)
    client.set_registered_model_alias("rain", "champion", "1")
    stack.process.send_signal(signal.SIGINT)
    assert stack.wait() == 0
    assert not answers(mlflow)
    assert not answers(server)

    stack = start(*up("models:/rain@champion"))

    mlflow, server = stack.urls(2)
    assert version_of(server) == {"name": "rain", "version": "1"}
    folder = stack.folder / "companion-stack"
    assert f"MLFLOW_TRACKING_URI={mlflow}\n" in stack.text()
    assert "Uvicorn running" in (folder / "logs" / "mlflow.log").read_text()
    log = (folder / "logs" / "model-server.log").read_text()
    assert re.findall(r"Serving rain, version (\d)", log) == ["3", "1"]
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 0
    assert stack.text().endswith("\nStopped.\n")
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["artifacts", "logs", "mlflow.db"]


def test_a_stack_that_is_killed_while_mlflow_makes_its_tables_starts_again(start):
    """MLflow cannot go on with half a database; the kill comes at its first table."""
    stack = start(*up())
    database = stack.folder / "companion-stack" / "mlflow.db"
    wait_until(lambda: database.exists() and database.stat().st_size)
    stack.process.kill()
    stack.wait()
    log = stack.folder / "companion-stack" / "logs" / "mlflow.log"
    assert "Application startup complete" not in log.read_text()
    wait_until(lambda: str(database) not in arguments_of_all())

    stack = start(*up())

    (url,) = stack.urls(1)
    assert answers(f"{url}/health")
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone()
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_everything(quick, name):
    urls = quick.urls(2)

    quick.process.send_signal(getattr(signal, name))

    assert quick.wait() == 0
    assert not any(map(answers, urls))


def test_nothing_outlives_a_stack_that_is_killed(quick):
    urls = quick.urls(2)

    quick.process.kill()

    wait_until(lambda: not any(map(answers, urls)))


def test_a_stack_ends_with_the_program_that_started_it(start):
    """As from a script that is killed."""
    line = f"{shlex.join([sys.executable, '-c', QUICK])} & wait"
    starter = start("-c", f"import subprocess; subprocess.call(['sh', '-c', {line!r}])")
    urls = starter.urls(2)
    (shell,) = children(starter.process.pid)

    os.kill(shell, signal.SIGKILL)

    wait_until(lambda: not any(map(answers, urls)))


def test_a_stack_under_nohup_stays_when_its_terminal_closes(start):
    stack = start("-c", f"import signal; signal.signal({HUP}, signal.SIG_IGN)\n{QUICK}")
    urls = stack.urls(2)

    stack.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)

    assert all(map(answers, urls))
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 0


def test_a_closed_terminal_ends_everything(tmp_path):
    """A real one: its first process gets SIGHUP when the window is closed."""
    pid, master = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-c", QUICK])  # noqa: S606 - ours
    shown = b""
    while len(urls := URL.findall(shown.decode())) < 2:
        shown += os.read(master, 4096)

    os.close(master)

    wait_until(lambda: os.waitpid(pid, os.WNOHANG) != (0, 0))
    assert not any(map(answers, urls))


def test_a_part_that_dies_is_named_and_ends_the_rest(quick):
    urls = quick.urls(2)
    (guard, _) = children(quick.process.pid)
    (part,) = children(guard)

    os.kill(part, signal.SIGKILL)

    assert quick.wait() == 1
    assert re.search(
        r"Error: MLflow ended by itself with exit code 137, so everything was stopped\."
        r" The last lines of its log, companion-stack/logs/MLflow\.log:\n.*GET / HTTP",
        quick.text(),
        re.DOTALL,
    )
    assert not any(map(answers, urls))


@pytest.mark.parametrize("option", ["--mlflow-port", "--port"])
def test_a_taken_port_is_named_before_anything_starts(
    option, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    other = {"--port", "--mlflow-port"} - {option}
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        assert main(["up", "model", option, str(port), *other, "0"]) == 1

    said = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1. Stop it, or choose another" in said
    assert f"such as {option} {port + 1}." in said
    assert not list(tmp_path.iterdir())


def test_one_port_for_both_servers_is_refused(capsys):
    assert main(["up", "model", "--port", "5000"]) == 1

    assert "are both 5000" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_named_before_anything_starts(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)

    assert main(["up", "model", "--mlflow-port", "0", "--port", "0"]) == 1

    assert capsys.readouterr().err.startswith(
        f"Error: There is no model folder {tmp_path / 'model'}. "
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "stack")

    assert main(["up", "--mlflow-port", "0", "--folder", folder]) == 1

    assert f"Error: The folder {folder} cannot be used" in capsys.readouterr().err


def arguments_of_all():
    return subprocess.check_output(["ps", "-eo", "args"], text=True)


def children(pid):
    answer = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in answer.stdout.split()]
