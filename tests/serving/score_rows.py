"""Rows to predict, in CSV and Parquet files."""

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "make_rows", "save_rows"]

COLUMNS = ["rain_mm", "temp_c", "wind_ms"]


def make_rows(n_rows: int, *, seed: int = 5) -> pd.DataFrame:
    """Make rows that the tests' models accept, each with a day."""
    rng = np.random.default_rng(seed)
    values = rng.uniform((1.5, 5.0, 2.5), (4.5, 20.0, 5.5), (n_rows, 3))
    rows = pd.DataFrame(values, columns=COLUMNS)
    rows["day"] = pd.date_range("2014-01-01", periods=n_rows)
    return rows


def save_rows(rows: pd.DataFrame, path: Path) -> Path:
    """Write rows to a file of the kind that its name says."""
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False, row_group_size=70)
    return path
