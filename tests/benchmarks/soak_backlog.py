"""Ship a backlog of millions of records, and watch the shipper's memory.

    python tests/benchmarks/soak_backlog.py --records 5000000
    python tests/benchmarks/soak_backlog.py --store postgresql://USER@HOST/NAME

The exit code is 1 if a record is missing, or if memory grew with the backlog. It is not
part of `nox -s bench`, for it takes minutes; `tests/store/shipping/test_backlog.py`
runs a smaller one.
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import func, select

from companion.errors import NoLogError
from companion.store import Prediction
from companion.store.journal.writer import SUFFIX
from companion.store.records import encode_record
from companion.store.sql.opening import open_log
from companion.store.sql.schema import PREDICTIONS

FILE_RECORDS = 20_000  # about what a journal's file of 8 MiB holds
START = datetime(2026, 1, 1, tzinfo=UTC)
# Between the first and the last file; an index that grows takes some of it.
MAX_GROWTH_MB = 32.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a shipment took: seconds, and megabytes of memory as it went on."""

    seconds: float
    early_mb: float
    late_mb: float
    peak_mb: float


def write_backlog(folder: Path, n_records: int) -> int:
    """Write what killed servers leave: files without a writer. Return the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    size, run = 0, secrets.token_hex(4).encode()
    for first in range(0, n_records, FILE_RECORDS):
        path = folder / f"gone-1-{first:012x}{SUFFIX}"
        # A minute a file: as many roll-ups as a backlog of days has.
        at = START + timedelta(minutes=first // FILE_RECORDS)
        line = encode_record(
            Prediction(
                id="AN-ID",
                request_id="AN-ID",
                created_at=at,
                model_name="rain",
                model_version="3",
                inputs={"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0, "day": 150},
                value=0.25,
                latency_ms=1.5,
            )
        )
        last = min(first + FILE_RECORDS, n_records)
        lines = (
            line.replace(b"AN-ID", b"%b-%d" % (run, i)) for i in range(first, last)
        )
        path.write_bytes(b"".join(lines))
        size += path.stat().st_size
    return size


def ship_and_watch(store: str, folder: Path) -> Result:
    """Run `companion ship`, and read its memory twenty times a second."""
    arguments = ["ship", "--store", store, "--journal", str(folder)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "companion", *arguments], stdout=subprocess.DEVNULL
    )
    watched = psutil.Process(process.pid)
    samples: list[float] = []
    while process.poll() is None:
        try:
            samples.append(watched.memory_info().rss / 1e6)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    if process.wait() != 0:
        raise SystemExit(f"companion ship ended with {process.returncode}")
    tenth = max(len(samples) // 10, 1)
    return Result(
        seconds=time.perf_counter() - started,
        # Without the start, which imports, and the end, which frees.
        early_mb=max(samples[: 3 * tenth]),
        late_mb=max(samples[-3 * tenth :]),
        peak_mb=max(samples),
    )


def count_records(store: str) -> int:
    """Count the predictions in a log; 0 where there is none yet."""
    query = select(func.count()).select_from(PREDICTIONS)
    try:
        with open_log(store) as database, database.read() as connection:
            return connection.scalar(query) or 0
    except NoLogError:
        return 0


def say(line: str) -> None:
    """Print at once, also into a file."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Write a backlog, ship it, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--store", help="default: a new SQLite file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = Path(temporary) / "journal"
        store = chosen.store or f"sqlite:///{temporary}/log.db"
        before = count_records(store)
        size = write_backlog(folder, chosen.records)
        say(f"{chosen.records:,} records, {size / 1e6:,.0f} MB of journal")
        result = ship_and_watch(store, folder)
        rate = chosen.records / result.seconds
        say(f"shipped in {result.seconds:,.1f} s, {rate:,.0f} records/s")
        say(
            f"memory: {result.early_mb:.0f} MB in the first third, "
            f"{result.late_mb:.0f} MB in the last, {result.peak_mb:.0f} MB at most"
        )
        found = count_records(store) - before
        say(f"{found:,} of {chosen.records:,} records are in the database")
        flat = result.late_mb - result.early_mb < MAX_GROWTH_MB
        left = [path.name for path in folder.iterdir()]
        return 0 if found == chosen.records and flat and not left else 1


if __name__ == "__main__":
    sys.exit(main())
