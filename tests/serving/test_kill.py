"""The claim of the log: `kill -9` at any moment loses no answered prediction."""

import http.client
import json
import os
import random
import secrets
import signal
import sqlite3
import threading
import time
from contextlib import closing

from companion.processes import free_port
from companion.serving.background import serve_in_background
from companion.store import count_waiting, ship

CONNECTIONS = 8
# Twenty rounds. Who dies: the whole group and the shipper too, the group, the
# arbiter alone, the worker alone.
ROUNDS = ["everything"] * 6 + ["group"] * 3 + ["arbiter"] * 3 + ["worker"] * 8
BODY = json.dumps({"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}] * 2})


class Clients:
    """Eight connections that ask on and on, whatever happens to the server."""

    def __init__(self, port):
        self.answered = []
        self._port = port
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CONNECTIONS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {"Content-Type": "application/json"}
        while not self._ended.is_set():
            try:
                connection.request("POST", "/predict", BODY, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.02)
                continue
            assert answer.status == 200, content
            self.answered += [p["id"] for p in json.loads(content)["predictions"]]


def test_each_answered_id_is_in_the_table_once_after_twenty_kills(
    rain_model, tmp_path, processes_with
):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    rounds = chance.sample(ROUNDS, len(ROUNDS))
    store = f"sqlite:///{tmp_path / 'log.db'}"
    processes = processes_with(store)
    port = free_port()
    server = None
    answered_in_rounds = []

    with Clients(port) as clients:
        for who in rounds:
            if server is None:
                server = serve_in_background(rain_model, store=store, port=port)
            before = len(clients.answered)
            wait_for_answers(clients, before + CONNECTIONS)
            time.sleep(chance.uniform(0.0, 0.3))
            if kill(server, who, processes):
                server = None
            answered_in_rounds.append(len(clients.answered) - before)
        if server is not None:
            server.kill()
    processes.wait_until_gone()
    ship(store)

    assert len(rounds) == 20
    assert min(answered_in_rounds) >= CONNECTIONS  # each kill was under load
    assert count_waiting(store) == 0
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM predictions")]
    assert len(ids) == len(set(ids))
    assert len(clients.answered) == len(set(clients.answered))
    assert set(clients.answered) <= set(ids)


def wait_for_answers(clients, n):
    deadline = time.monotonic() + 30
    while len(clients.answered) < n:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill(server, who, processes):
    """Kill; return whether a new server is needed."""
    if who == "worker":
        for worker in processes.workers(server.pid):
            os.kill(worker, signal.SIGKILL)
        return False
    if who == "everything":
        os.kill(processes.shipper(server.pid), signal.SIGKILL)
    if who == "arbiter":
        os.kill(server.pid, signal.SIGKILL)
    else:
        os.killpg(server.pid, signal.SIGKILL)
    processes.wait_until_gone()  # the workers of a dead arbiter hold the port
    server.kill()
    return True
