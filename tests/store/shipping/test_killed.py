import os
import random
import select
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from companion.store import (
    read_predictions,
    ship,
)


def read_ids(store_url):
    return [p.id for p in reversed(read_predictions(store_url, limit=None))]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_writers_and_shippers_killed_at_any_moment_lose_and_double_nothing(
    store_url, folder
):
    """Each id is printed once its record is on disk, as a server answers."""
    writer = """
        import sys, time
        from datetime import UTC, datetime
        from companion.store import Journal, Prediction
        journal = Journal(sys.argv[1], rotate_bytes=100_000)
        name, i = sys.argv[2], 0
        while True:
            ids = [f"{name}-{i}-{row}" for row in range(3)]
            journal.append([
                Prediction(id=id, request_id=name, created_at=datetime.now(UTC),
                           model_name="m", model_version="1", inputs={"a": 1.0},
                           value=0.5, latency_ms=1.0) for id in ids
            ])
            print(*ids, flush=True)
            i += 1
            time.sleep(0.0005)
    """
    shipper = """
        import sys
        from companion.store import Shipper
        shipper = Shipper(*sys.argv[1:])
        while True:
            shipper.ship()
    """
    seed = time.time_ns() % 10_000
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    answered = []

    for i in range(3):
        processes = [
            start(writer, folder, f"round{i}"),
            start(shipper, store_url, folder),
        ]
        # From the first answer on: starting Python takes longer than the rest.
        select.select([processes[0].stdout], [], [], 30)
        time.sleep(chance.uniform(0.01, 0.4))
        chance.shuffle(processes)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            lines = process.communicate(timeout=10)[0].splitlines(keepends=True)
            answered += [
                id_ for line in lines if line[-1] == "\n" for id_ in line.split()
            ]
    ship(store_url, folder)

    stored = read_ids(store_url)
    assert len(answered) > 100, f"seed {seed}"
    assert len(stored) == len(set(stored)), f"seed {seed}"
    assert set(answered) <= set(stored), f"seed {seed}"
    # What was killed between record and answer was logged; a round leaves one.
    assert len(stored) - len(answered) <= 3 * 3
    assert [p for p in folder.iterdir() if p.suffix != ".bad"] == []


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
