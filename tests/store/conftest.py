import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from companion.store import Prediction

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


class SmallDisk:
    """A disk of a few megabytes, on which nothing else lies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, *, megabytes: int) -> None:
        """Make room, as an operator does."""
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, str(self.path)], check=True)


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A disk of 14 MB; PostgreSQL needs 8 of them for an empty database."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    # Not in pytest's folder, which only its owner may enter.
    path = Path(tempfile.mkdtemp(prefix="companion-disk-"))
    path.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=14m,mode=755", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        path.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield SmallDisk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
    path.rmdir()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def predictions() -> Callable[..., list[Prediction]]:
    """Make predictions r-0, r-1, ... a second apart, from noon on."""

    def make(n: int, request_id: str = "r", **fields: Any) -> list[Prediction]:
        values = {
            "model_name": "terrace-rain",
            "model_version": "1",
            "inputs": {"temp_max_c": 12.8, "wind_ms": 4.7},
            "value": 0.25,
            "latency_ms": 1.5,
        }
        return [
            Prediction(
                id=f"{request_id}-{i}",
                request_id=request_id,
                created_at=NOON + timedelta(seconds=i),
                **{**values, **fields},
            )
            for i in range(n)
        ]

    return make
