"""The fingerprint of 1 GB of Parquet against the SHA-256 of the file itself.

Both read the same file, which is in memory, in turns; the medians are compared. The
same table in another compression and other row groups must give the same fingerprint.
"""

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from companion.tracking.data import fingerprint

__all__ = ["run"]

ROWS = 11_000_000
ROUNDS = 5
GOAL = 1.5


def run() -> None:
    """Print both times for each way to store the table."""
    table = _make_table()
    digests = set()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        for title, options in (
            ("not compressed", {"compression": "none"}),
            ("snappy, as pandas writes it", {"compression": "snappy"}),
            (
                "zstd, 50,000 rows a group",
                {"compression": "zstd", "row_group_size": 50_000},
            ),
        ):
            pq.write_table(table, path, **options)
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(-1, ROUNDS):
                file_s, _ = _time(lambda: _hash_file(path))
                content_s, digest = _time(lambda: fingerprint(path).sha256)
                digests.add(digest)
                if number >= 0:  # the first round brings the file into memory
                    theirs.append(file_s)
                    ours.append(content_s)
            _report(title, path.stat().st_size, theirs, ours)
    same = "the same" if len(digests) == 1 else "ANOTHER"
    sys.stdout.write(f"  fingerprint of all three files: {same}\n")


def _make_table() -> pa.Table:
    rng = np.random.default_rng(1)
    numbers = {f"number_{i}": rng.normal(size=ROWS) for i in range(7)}
    return pa.table(
        {
            **numbers,
            "count": rng.integers(0, 1 << 62, ROWS),
            "time": pa.array(rng.integers(0, 1 << 60, ROWS)).cast(pa.timestamp("ns")),
            "text": pa.array([f"{n:x}" for n in rng.integers(0, 1 << 30, ROWS)]),
            "class": pa.array(rng.integers(0, 5, ROWS)).cast(pa.string()),
        }
    )


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _time(work: Callable[[], str]) -> tuple[float, str]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _report(title: str, size: int, theirs: list[float], ours: list[float]) -> None:
    bare, content = statistics.median(theirs), statistics.median(ours)
    verdict = "reached" if content <= GOAL * bare else "MISSED"
    sys.stdout.write(
        f"  {title}, {size / 1e9:.2f} GB\n"
        f"    hashlib.file_digest   {bare:7.2f} s\n"
        f"    fingerprint           {content:7.2f} s\n"
        f"    fingerprint : file    {content / bare:7.2f}"
        f"    (goal: at most {GOAL}, {verdict})\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    run()
