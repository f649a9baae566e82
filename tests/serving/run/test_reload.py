"""SIGHUP and a new model, on real servers with several workers under load."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import threading
import time
import urllib.request
from contextlib import closing, contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

CONNECTIONS = 4
BODY = json.dumps({"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}]})


@pytest.fixture
def save(rain_model):
    """Put a version of the model into a folder, in the place of what is there."""

    def save_one(folder, version):
        # Whole when it appears: a worker that looks every second may come between.
        made = shutil.copytree(rain_model, folder.with_name("made"))
        text = (made / "MLmodel").read_text()
        (made / "MLmodel").write_text(
            text.replace("version: '3'", f"version: '{version}'")
        )
        shutil.rmtree(folder, ignore_errors=True)
        return made.rename(folder)

    return save_one


def switch(link, target):
    """Point a symbolic link at another folder, in one moment."""
    new = link.with_name("new")
    new.symlink_to(target)
    new.replace(link)


@pytest.fixture
def model(save, tmp_path):
    return save(tmp_path / "rain", 3)


@pytest.fixture
def start(serve_with, tmp_path, monkeypatch):
    """Start a server of two workers whose temporary files are in a folder of ours."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    @contextmanager
    def start_one(model, *, workers=2, keep_alive=15, **pauses):
        options = ["--workers", str(workers), "--keep-alive", str(keep_alive)]
        with serve_with(tmp_path, model=model, options=options, **pauses) as server:
            wait_until(lambda: f"companion_workers {workers}.0" in metrics(server))
            yield server

    return start_one


def get(server, path):
    with urllib.request.urlopen(f"{server.url}{path}", timeout=20) as answer:
        return answer.read().decode()


def metrics(server):
    return get(server, "/metrics")


def ready(server):
    return json.loads(get(server, "/health/ready"))


def served_version(server):
    return json.loads(get(server, "/version"))["model"]["version"]


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Clients:
    """Clients that hold their connections and ask on and on; they retry nothing."""

    def __init__(self, server):
        self.versions = {}  # id of a prediction -> version that gave it
        self.latest = [""] * CONNECTIONS
        self._address = server.url.removeprefix("http://")
        self._ended = threading.Event()
        self._failures = []
        self._threads = [
            threading.Thread(target=self._ask, args=[number])
            for number in range(CONNECTIONS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        assert self._failures == []

    def _ask(self, number):
        try:
            with closing(http.client.HTTPConnection(self._address, timeout=20)) as line:
                while not self._ended.is_set():
                    headers = {"Content-Type": "application/json"}
                    line.request("POST", "/predict", BODY, headers)
                    answer = line.getresponse()
                    content = answer.read()
                    assert answer.status == 200, content
                    body = json.loads(content)
                    version = body["model"]["version"]
                    self.versions[body["predictions"][0]["id"]] = version
                    self.latest[number] = version
                    time.sleep(0.005)
        except BaseException as err:  # noqa: BLE001 - told at the end
            self._failures.append(err)


@pytest.mark.parametrize("workers", [1, 3], ids=["in place", "by link"])
def test_under_load_no_request_fails_and_all_are_answered_by_the_new_version(
    start, save, tmp_path, processes_with, workers
):
    model = address = save(tmp_path / "rain", 3)
    by_link = workers > 1
    if by_link:
        address = tmp_path / "current"
        address.symlink_to(model)
    with start(address, workers=workers) as server:
        processes = processes_with(str(tmp_path))
        before = processes.workers(server.pid)
        with Clients(server) as clients:
            wait_until(lambda: "" not in clients.latest)

            if by_link:
                switch(address, save(tmp_path / "other", 4))
            else:
                save(model, 4)
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda: set(clients.latest) == {"4"})

        # The old models' memory is that of their processes.
        wait_until(lambda: len(processes.workers(server.pid)) == workers)
        assert not set(before) & set(processes.workers(server.pid))
        assert {served_version(server) for _ in range(20)} == {"4"}
        assert ready(server)["reload_failed"] is None
        assert "version 4, from now on" in server.output()
        assert server.stop() == 0

    assert set(clients.versions.values()) == {"3", "4"}
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        logged = dict(database.execute("SELECT id, model_version FROM predictions"))
    assert logged == clients.versions


def test_a_model_that_fails_leaves_the_old_one_until_one_works(start, save, model):
    with start(model) as server, Clients(server) as clients:
        (model / "model.skops").write_bytes(b"not a model")
        for times in (1, 2):
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda n=times: server.output().count("The reload failed") == n)

        said = ready(server)
        assert said["ready"] is True
        assert "cannot be loaded" in said["reload_failed"]["reason"]
        assert said["reload_failed"]["reason"] in server.output()
        assert said["reload_failed"]["at"].endswith("+00:00")
        save(model, 4)
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: set(clients.latest) == {"4"})

        assert ready(server)["reload_failed"] is None
        page = text_string_to_metric_families(metrics(server))
        (reloads,) = (family for family in page if family.name == "companion_reloads")
        assert {s.labels["outcome"]: s.value for s in reloads.samples} == {
            "failed": 2,
            "succeeded": 1,
        }
    assert set(clients.versions.values()) == {"3", "4"}


def test_a_worker_that_dies_while_it_loads_or_is_overtaken_harms_nobody(
    start, save, model, processes_with, tmp_path
):
    with start(model) as server, Clients(server) as clients:
        processes = processes_with(str(tmp_path))
        old = set(processes.workers(server.pid))
        (model / "MLmodel").unlink()
        os.mkfifo(model / "MLmodel")  # who opens it waits

        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: len(processes.workers(server.pid)) == 3)
        (candidate,) = set(processes.workers(server.pid)) - old
        os.kill(candidate, signal.SIGKILL)
        wait_until(lambda: ready(server)["reload_failed"])
        assert "died" in ready(server)["reload_failed"]["reason"]

        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: len(processes.workers(server.pid)) == 3)
        save(model, 4)
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: set(clients.latest) == {"4"})
        assert server.output().count("The reload failed") == 1


def test_a_dead_worker_is_replaced_by_one_with_the_proven_model(
    start, save, tmp_path, processes_with
):
    link = tmp_path / "current"
    link.symlink_to(save(tmp_path / "a", 3))
    with start(link) as server:
        processes = processes_with(str(tmp_path))
        broken = save(tmp_path / "b", 4)
        (broken / "model.skops").write_bytes(b"not a model")
        switch(link, broken)

        for _ in range(2):
            os.kill(min(processes.workers(server.pid)), signal.SIGKILL)
            time.sleep(0.2)
        wait_until(lambda: len(processes.workers(server.pid)) == 2)

        for _ in range(20):
            assert served_version(server) == "3"
            assert json.loads(get(server, "/version"))["model"]["name"] == "rain"
        assert ready(server)["ready"] is True


def test_a_dead_worker_whose_model_is_gone_says_so_and_the_others_serve(
    start, save, model, tmp_path, processes_with
):
    with start(model, worker_pause_s=0.3) as server, Clients(server) as clients:
        processes = processes_with(str(tmp_path))
        (model / "model.skops").write_bytes(b"not a model")

        os.kill(min(processes.workers(server.pid)), signal.SIGKILL)
        clients_may_have_lost_one(clients)
        wait_until(lambda: "one less: The model in" in server.output())
        time.sleep(1)  # three more tries

        assert server.output().count("one less") == 1
        assert {served_version(server) for _ in range(20)} == {"3"}
        save(model, 4)
        wait_until(lambda: "has changed since" in server.output())
        wait_until(lambda: len(processes.workers(server.pid)) == 2)
        assert "serves rain, version 4. Send SIGHUP" in server.output()
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: {served_version(server) for _ in range(20)} == {"4"})


def clients_may_have_lost_one(clients):
    """Forget those whose worker was killed: a connection dies with it."""
    time.sleep(0.3)
    clients._failures.clear()


def test_without_any_worker_a_broken_model_is_answered_with_503_until_it_is_back(
    start, save, model, tmp_path, processes_with
):
    with start(model) as server:
        processes = processes_with(str(tmp_path))
        (model / "model.skops").write_bytes(b"not a model")
        for worker in processes.workers(server.pid):
            os.kill(worker, signal.SIGKILL)

        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            get(server, "/health/ready")
        caught.value.close()
        wait_until(lambda: "The model cannot be loaded:" in server.output())
        save(model, 4)
        wait_until(lambda: answers(server))
        assert served_version(server) == "4"


def answers(server):
    try:
        return {served_version(server) for _ in range(10)} == {"4"}
    except urllib.error.HTTPError as err:
        err.close()
        return False
    except OSError:
        return False


def test_the_server_ends_in_the_middle_of_a_reload_and_leaves_nothing(
    start, save, model, tmp_path, processes_with
):
    with start(model, keep_alive=600) as server, held_connection(server):
        processes = processes_with(str(tmp_path))
        save(model, 4)
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: "from now on" in server.output())
        (model / "MLmodel").unlink()
        os.mkfifo(model / "MLmodel")  # who opens it waits
        before = set(processes.workers(server.pid))
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: set(processes.workers(server.pid)) - before)

        began = time.monotonic()
        assert server.stop() == 0

    # It waits neither for a connection that is held nor for a model: gunicorn would
    # wait 30 seconds for both.
    assert time.monotonic() - began < 20
    processes.wait_until_gone()
    assert list(tmp_path.glob("companion-serve-*")) == []
    assert "ERROR" not in server.output()


@contextmanager
def held_connection(server):
    address = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address)) as held:
        held.request("GET", "/health/live")
        held.getresponse().read()
        yield
