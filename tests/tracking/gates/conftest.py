"""Two rain models and their rows, of which one is much worse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a fitted model as this package does."""
    from companion.tracking import save_model_folder

    def save_one(model: Any, features: pd.DataFrame, name: str, version: str) -> Path:
        folder = tmp_path_factory.mktemp("gate") / f"{name}-{version}"
        return save_model_folder(
            model, folder, name=name, version=version, features=features
        )

    return save_one


@pytest.fixture(scope="session")
def rain_rows() -> pd.DataFrame:
    """400 rows; `wet` follows from the first of two columns."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(rng.normal(size=(400, 2)), columns=["clouds", "noise"])
    rows["wet"] = (rows["clouds"] + rng.normal(size=400) > 0).astype(int)
    rows["season"] = np.where(np.arange(400) % 2, "summer", "winter")
    return rows


@pytest.fixture(scope="session")
def rain_models(save: Callable[..., Path]) -> tuple[Path, Path]:
    """A champion that looks at the clouds, and a challenger that looks at noise."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(8)
    features = pd.DataFrame(rng.normal(size=(600, 2)), columns=["clouds", "noise"])
    wet = (features["clouds"] + rng.normal(size=600) > 0).astype(int)
    good = LogisticRegression().fit(features, wet)
    bad = LogisticRegression().fit(
        features.assign(clouds=rng.permutation(features["clouds"])), wet
    )
    return save(good, features, "rain", "1"), save(bad, features, "rain", "2")
