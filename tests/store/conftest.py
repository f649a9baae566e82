from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from companion.store import Prediction

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


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
