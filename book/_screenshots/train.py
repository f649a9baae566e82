"""The runs and the registered model that the pictures of MLflow's pages show.

All of it is real: recipes for the café's rain model, each trained on the weather in a
run of its own; two of them registered, judged by the gate and promoted. `take.py` runs
this program in a Git repository of its own, with MLFLOW_TRACKING_URI set.
"""

import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import brier_score_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from companion.terrace import (
    FEATURES,
    load_weather,
    make_features,
    make_target,
    weather_file,
)
from companion.tracking import promote, run, training_metadata
from companion.tracking.data import DataStore, log_dataset

NAME = "terrace"
N_EPOCHS = 30
# Name of a run, its features, strength of the penalty on large weights.
RECIPES = (
    ("today", FEATURES[:5], 0.001),
    ("all nine, strong penalty", FEATURES, 1.0),
    ("all nine, weak penalty", FEATURES, 0.0001),
    ("all nine", FEATURES, 0.01),
)
RULES = """
target = "rain_tomorrow"

[quality]
metric = "brier"
margin = 0.005
block_rows = 7
"""


def main() -> None:
    """Train all recipes; register two, and promote the second after its gate."""
    version, _ = DataStore("data").add(weather_file(), name="seattle-weather")
    weather = load_weather()
    table = make_features(weather).assign(rain_tomorrow=make_target(weather)).dropna()
    models = {}
    for name, columns, penalty in RECIPES:
        models[name] = train(table, version, name, list(columns), penalty)
    first, second = register(models["today"]), register(models["all nine"])
    promote(NAME, first, reason="first model: better than tomorrow is as today")
    judge(second, table.loc["2014"])
    promote(NAME, second, reason="passed the gate on the days of 2014", expect=first)
    third = register(models["all nine, weak penalty"])
    promote(NAME, third, alias="challenger", reason="to be compared in shadow")
    describe(second)


def train(
    table: pd.DataFrame, version: object, name: str, columns: list[str], penalty: float
) -> str:
    """Train one recipe in a run of its own; return the address of its model."""
    days = {"train": table.loc[:"2013-06"], "val": table.loc["2013-07":"2013-12"]}
    params = {"features": len(columns), "penalty": penalty, "epochs": N_EPOCHS}
    with run(name, experiment=NAME, params=params, seed=7):
        # The system that the pictures were taken on means nothing to a reader.
        mlflow.delete_tag("companion.platform")
        log_dataset(version)
        scaler = StandardScaler().fit(days["train"][columns])
        model = SGDClassifier(loss="log_loss", alpha=penalty, average=True)
        for epoch in range(1, N_EPOCHS + 1):
            scaled = scaler.transform(days["train"][columns])
            model.partial_fit(scaled, days["train"]["rain_tomorrow"], classes=[0, 1])
            for part, rows in days.items():
                chance = model.predict_proba(scaler.transform(rows[columns]))[:, 1]
                brier = brier_score_loss(rows["rain_tomorrow"], chance)
                mlflow.log_metric(f"{part}_brier", brier, step=epoch)
        logged = mlflow.sklearn.log_model(
            make_pipeline(scaler, model),
            name="model",
            input_example=table[columns].head(2),
            pyfunc_predict_fn="predict_proba",
            pip_requirements=["scikit-learn"],  # spares MLflow the search for them
            metadata=training_metadata(days["train"][columns]),
        )
    return str(logged.model_uri)


def register(model: str) -> str:
    """Make a version of the registered model; return its number."""
    return str(mlflow.register_model(model, NAME).version)


def judge(version: str, days: pd.DataFrame) -> None:
    """Hold a version against the champion; the gate keeps its verdict as tags."""
    days.to_csv("days-2014.csv")
    Path("gate.toml").write_text(RULES, encoding="utf-8")
    command = ["companion", "gate", f"models:/{NAME}/{version}"]
    subprocess.run(
        [sys.executable, "-m", *command, "--data", "days-2014.csv"], check=True
    )


def describe(version: str) -> None:
    """Write what a person should know of the model and of a version."""
    client = mlflow.MlflowClient()
    client.update_registered_model(
        NAME, "Probability of rain tomorrow, from today's weather in Seattle."
    )
    client.update_model_version(
        NAME,
        version,
        "Sees the day, its season and the last week. Trained on 2012 to mid-2013.",
    )
    client.set_model_version_tag(NAME, version, "owner", "ada")


if __name__ == "__main__":
    main()
