"""The claim of the log: `kill -9` at any moment loses no answered prediction."""

import http.client
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time

from companion.store import count_waiting, read_predictions, ship
from companion.system import free_port

CONNECTIONS = 8
# Who dies: the whole group and the shipper too, the group, the arbiter alone,
# the worker alone; or the arbiter is told to end.
ROUNDS = ["everything"] * 5 + ["group"] * 4 + ["arbiter"] * 4 + ["worker"] * 4
ROUNDS += ["SIGTERM"] * 3
BODY = json.dumps({"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}] * 2})

# Starts `companion serve` anew for each line it reads. A fork that has the
# libraries already saves three seconds of importing a round.
STARTER = """
import os, sys
import skops.io
import companion.serving.run.gunicorn
from companion.cli import main
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        sys.exit(main(["serve", *sys.argv[1:]]))
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""


class Starter:
    """Starts servers, one after the other."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def start(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate(timeout=30)


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
        connection.close()


def test_each_answered_id_is_in_the_table_once_after_many_kills(
    rain_model, store_url, processes_with
):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    wanted = ROUNDS if store_url.startswith("sqlite") else ROUNDS[::2]
    rounds = chance.sample(wanted, len(wanted))
    port = free_port()
    arguments = [str(rain_model), "--store", store_url, "--port", str(port)]
    answered_in_rounds = []
    arbiter = None

    with Starter(*arguments) as starter:
        processes = processes_with(store_url, but=starter.pid)
        with Clients(port) as clients:
            for who in rounds:
                arbiter = arbiter or starter.start()
                before = len(clients.answered)
                wait_for_answers(clients, before + CONNECTIONS)
                time.sleep(chance.uniform(0.0, 0.3))
                kill(arbiter, who, processes)
                if who != "worker":  # the arbiter makes a new worker itself
                    arbiter = None
                answered_in_rounds.append(len(clients.answered) - before)
        if arbiter is not None:
            os.kill(arbiter, signal.SIGTERM)
        processes.wait_until_gone()
    ship(store_url)

    assert min(answered_in_rounds) >= CONNECTIONS  # each kill was under load
    assert count_waiting(store_url) == 0
    ids = [one.id for one in read_predictions(store_url, limit=None)]
    assert len(ids) == len(set(ids))
    assert len(clients.answered) == len(set(clients.answered))
    assert set(clients.answered) <= set(ids)


def wait_for_answers(clients, n):
    deadline = time.monotonic() + 30
    while len(clients.answered) < n:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill(arbiter, who, processes):
    if who == "worker":
        for worker in processes.workers(arbiter):
            os.kill(worker, signal.SIGKILL)
        return
    if who == "everything":
        os.kill(processes.shipper(arbiter), signal.SIGKILL)
    if who in ("arbiter", "SIGTERM"):
        os.kill(arbiter, signal.SIGKILL if who == "arbiter" else signal.SIGTERM)
    else:
        os.killpg(arbiter, signal.SIGKILL)
    processes.wait_until_gone()  # the workers of a dead arbiter hold the port
