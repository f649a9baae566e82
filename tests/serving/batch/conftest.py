"""Models of three kinds, and small parts."""

import numpy as np
import pytest
from score_rows import COLUMNS, make_rows
from sklearn.linear_model import LinearRegression, LogisticRegression

from companion.serving.batch import scoring
from companion.tracking.saving import save_model_folder


@pytest.fixture(scope="session")
def score_models(rain_model, tmp_path_factory):
    """A model of numbers, of two classes and of three."""
    root = tmp_path_factory.mktemp("score")
    features = make_rows(300, seed=8)[COLUMNS]
    kinds = np.array(["dry", "wet", "snow"])[np.digitize(features["rain_mm"], [2, 3])]
    models = {
        "number": LinearRegression().fit(features, features["rain_mm"] * 0.5),
        "three classes": LogisticRegression().fit(features, kinds),
    }
    folders = {
        name: save_model_folder(
            model, root / name, name=name, version="1", features=features
        )
        for name, model in models.items()
    }
    return {**folders, "two classes": rain_model}


@pytest.fixture
def small_parts(monkeypatch):
    """Batches of 20 rows, and parts of 60."""
    monkeypatch.setattr(scoring, "_BATCH_ROWS", 20)
    monkeypatch.setattr(scoring, "_PART_ROWS", 60)
