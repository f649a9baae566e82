"""The log: what a record costs a request, and how fast the shipper brings it in.

The peers of the journal write the same line: one `write` to an open file, and
`logging` with `json.dumps`, as programs do that log without a package for it. The
peers of the shipper insert the same rows in transactions of the same size, without a
journal, checks or counts: Python's `sqlite3` by itself, and SQLAlchemy.
"""

import json
import logging
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import create_engine

from companion.store import Journal, ModelProfile, Prediction, Shipper
from companion.store.records import encode_record
from companion.store.sql.schema import METADATA, PREDICTIONS
from companion.store.times import format_time

sys.path.append(str(Path(__file__).resolve().parents[1] / "databases"))
from postgresql_server import use_server, why_none

__all__ = ["run"]

WRITERS = 4
RECORDS = 25_000  # of each writer
BATCH = 1000
APPENDS = 20_000
ROUNDS = 3
GOAL_PER_SECOND = 10_000
GOAL_APPEND_US = 40
COLUMNS = [f"column_{number}" for number in range(10)]


def run() -> None:
    """Print the cost of a record to a request, and records per second."""
    with tempfile.TemporaryDirectory() as folder:
        _measure_appends(Path(folder))
    _measure_shipper()


def make(name: str, number: int) -> Prediction:
    """Make a prediction as the server does, of ten columns."""
    return Prediction(
        id=f"{name:>032}-{number}",
        request_id=f"{name:>032}",
        created_at=datetime.now(UTC),
        model_name="terrace-rain",
        model_version="3",
        inputs=dict.fromkeys(COLUMNS, number * 7 % 100 / 7),
        value=number % 100 / 100,
        latency_ms=1 + number % 50 / 7,
        label="rain" if number % 3 else "dry",
        score=0.5 + number % 50 / 100,
    )


def write(folder: str, name: str) -> None:
    """Write records, as one of several server processes does, once told to start."""
    journal = Journal(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(RECORDS):
        journal.append([make(name, number)])
    journal.close()


def _measure_appends(folder: Path) -> None:
    journal = Journal(folder / "journal")
    line = encode_record(make("a", 0))
    logger = logging.getLogger("bench_store")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(folder / "logging"))
    with (folder / "plain").open("ab", buffering=0) as plain:
        ways: dict[str, Callable[[int], object]] = {
            "log": lambda number: journal.append([make("a", number)]),
            "logging": lambda number: logger.info(_dump(make("a", number))),
            "plain": lambda _: plain.write(line),
            "build": lambda number: make("a", number),
        }
        times = {name: [] for name in ways}
        for number in range(APPENDS):
            for name, way in ways.items():
                started = time.perf_counter_ns()
                way(number)
                times[name].append(time.perf_counter_ns() - started)
    journal.close()
    logger.handlers.pop().close()
    log, logged, plain_us, build = (
        statistics.median(values) / 1000 for values in times.values()
    )
    _say(f"  a record to the journal     {log:7.1f} µs  {_goal_append(log)}")
    _say(f"    of which building it      {build:7.1f} µs")
    _say(f"  json.dumps and logging      {logged:7.1f} µs, of which building the same")
    _say(f"  write of the same line      {plain_us:7.1f} µs")
    _say(f"  journal : logging         {log / logged:9.2f}")
    _say(f"  journal : write           {log / plain_us:9.2f}")


def _dump(record: Prediction) -> str:
    return json.dumps(record.to_json())


def _goal_append(median_us: float) -> str:
    verdict = "reached" if median_us <= GOAL_APPEND_US else "MISSED"
    return f"(goal: at most {GOAL_APPEND_US}, {verdict})"


def _measure_shipper() -> None:
    total = WRITERS * RECORDS
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, seconds in _take_turns():
            rates.setdefault(name, []).append(total / seconds)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        goal = ""
        if name.startswith("SQLite, while"):
            verdict = "reached" if median >= GOAL_PER_SECOND else "MISSED"
            goal = f"  (goal: at least {GOAL_PER_SECOND}, {verdict})"
        _say(f"  {name:<40}{median:>8.0f} records/s{goal}")
    backlog = medians["SQLite, a backlog"]
    for peer in ("sqlite3 executemany", "SQLAlchemy insert"):
        _say(f"  SQLite, a backlog : {peer} = {backlog / medians[peer]:.2f}")


def _take_turns() -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = f"sqlite:///{place / 'live.db'}"
        yield (
            f"SQLite, while {WRITERS} processes write",
            _ship_live(place / "live", url),
        )
        _write_all(place / "backlog")
        url = f"sqlite:///{place / 'backlog.db'}"
        yield "SQLite, a backlog", _ship(place / "backlog", url)
        rows = [make(f"w{w}", n) for w in range(WRITERS) for n in range(RECORDS)]
        yield "sqlite3 executemany", _insert_with_sqlite3(place / "plain.db", rows)
        yield "SQLAlchemy insert", _insert_with_sqlalchemy(place / "core.db", rows)
    if why_none() is None:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            server = use_server(place / "postgresql")
            _write_all(place / "backlog")
            yield "PostgreSQL, a backlog", _ship(place / "backlog", server.url)
            server.leave()


def _make_writers(folder: Path) -> list[subprocess.Popen]:
    """Start processes that write when `_tell` tells them to."""
    profile = ModelProfile(
        id="profile",
        created_at=datetime.now(UTC),
        model_name="terrace-rain",
        model_version="3",
        columns={
            name: {"kind": "number", "edges": [1.5 * n for n in range(10)]}
            for name in COLUMNS
        },
    )
    first = Journal(folder)
    first.append([profile])
    first.close()
    code = "import sys, bench_store; bench_store.write(*sys.argv[1:])"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), f"w{number}"],
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        if writer.stdout.readline() != b"ready\n":
            raise RuntimeError("a writer failed")
    return writers


def _tell(writers: list[subprocess.Popen]) -> None:
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.flush()


def _write_all(folder: Path) -> None:
    writers = _make_writers(folder)
    _tell(writers)
    _wait(writers)


def _wait(writers: list[subprocess.Popen]) -> None:
    for writer in writers:
        writer.communicate()
        if writer.returncode:
            raise RuntimeError("a writer failed")


def _ship_live(folder: Path, url: str) -> float:
    with closing(Shipper(url, folder)) as shipper:
        shipper.prepare()
        writers = _make_writers(folder)
        started = time.perf_counter()
        _tell(writers)
        _ship_until(shipper, WRITERS * RECORDS + 1)
        seconds = time.perf_counter() - started
    _wait(writers)
    return seconds


def _ship(folder: Path, url: str) -> float:
    with closing(Shipper(url, folder)) as shipper:
        shipper.prepare()
        started = time.perf_counter()
        _ship_until(shipper, WRITERS * RECORDS + 1)
        return time.perf_counter() - started


def _ship_until(shipper: Shipper, n: int) -> None:
    shipped = 0
    deadline = time.monotonic() + 300
    while shipped < n:
        done = shipper.ship().shipped
        shipped += done
        if time.monotonic() > deadline:
            raise RuntimeError(f"{shipped} of {n} records came in 300 s")
        if not done:
            time.sleep(0.01)


def _insert_with_sqlite3(file: Path, rows: list[Prediction]) -> float:
    names = PREDICTIONS.columns.keys()
    with closing(sqlite3.connect(file)) as connection:
        _make_tables(file)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        places = ", ".join("?" * len(names))
        statement = f"INSERT INTO predictions VALUES ({places})"  # noqa: S608 - marks
        started = time.perf_counter()
        for batch in _batches(rows):
            with connection:
                connection.executemany(
                    statement, [[_plain(row, name) for name in names] for row in batch]
                )
        return time.perf_counter() - started


def _plain(row: Prediction, name: str) -> object:
    value = getattr(row, name)
    if name == "created_at":
        return format_time(value)
    return json.dumps(value) if isinstance(value, dict) else value


def _insert_with_sqlalchemy(file: Path, rows: list[Prediction]) -> float:
    engine = create_engine(f"sqlite:///{file}")
    _make_tables(file)
    names = PREDICTIONS.columns.keys()
    started = time.perf_counter()
    for batch in _batches(rows):
        with engine.begin() as connection:
            connection.execute(
                PREDICTIONS.insert(),
                [{name: getattr(row, name) for name in names} for row in batch],
            )
    seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def _make_tables(file: Path) -> None:
    engine = create_engine(f"sqlite:///{file}")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()


def _batches(rows: list[Prediction]) -> Iterator[list[Prediction]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
