import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from companion.serving import ServerConfig, create_app
from companion.store import read_predictions, ship
from companion.tracking.saving import save_model_folder

N_ROWS = 150  # too long a body for its rows to become objects


def _features():
    values = np.random.default_rng(8).uniform(0.0, 9.0, (N_ROWS, 3))
    return pd.DataFrame(values, columns=["rain_mm", "temp_c", "wind_ms"])


def _three_classes(features):
    kinds = np.array(["dry", "wet", "snow"])[np.digitize(features["rain_mm"], [3, 6])]
    return LogisticRegression().fit(features, kinds)


def _two_numbers(features):
    return LinearRegression().fit(features, features[["rain_mm", "temp_c"]] * 0.5)


@pytest.mark.parametrize("make", [_three_classes, _two_numbers])
def test_many_rows_with_more_than_a_number_are_answered_and_logged(make, tmp_path):
    """What is neither a number nor a label is logged a row at a time."""
    features = _features()
    model = save_model_folder(
        make(features), tmp_path / "m", name="m", version="1", features=features
    )
    store = f"sqlite:///{tmp_path}/log.db"
    client = create_app(ServerConfig(model=model, store=store)).test_client()
    rows = features.to_dict("records")

    answer = client.post("/predict", json={"rows": rows})

    assert answer.status_code == 200, answer.text
    ship(store)
    logged = {one.id: one for one in read_predictions(store, limit=1000)}
    for row, one in zip(rows, answer.get_json()["predictions"], strict=True):
        record = logged.pop(one["id"])
        assert record.inputs == row
        assert record.label == one.get("label")
        if one.get("outputs") is None:
            assert record.outputs == {"probabilities": one["probabilities"]}
        else:
            assert record.outputs == one["outputs"]
    assert not logged
