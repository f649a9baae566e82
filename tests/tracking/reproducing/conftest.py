"""A project as engineers have it: a repository with a program that trains a model."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Learns with a drawn start from a dataset version, an epoch a step; the arguments say
# what else it does.
PROGRAM = """
import os, sys, time
import mlflow, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression, SGDClassifier
from helpers import RATE
from companion.tracking import run
from companion.tracking.data import DataStore, log_dataset

experiment, name, *words = sys.argv[1:]
if "own-address" in words:
    mlflow.set_tracking_uri(os.environ["OWN_ADDRESS"])
store = DataStore()
version = store.find("days")
table = pd.read_csv(store.get(version, "taken.csv")); os.remove("taken.csv")
features, rainy = table[["mm", "celsius"]], table["rainy"]
with run("training", experiment=experiment, params={"rate": RATE}, seed=7):
    log_dataset(version)
    model = SGDClassifier(loss="log_loss", eta0=RATE, learning_rate="constant")
    order = np.random.permutation(len(table))
    for epoch in range(5):
        model.partial_fit(features.loc[order], rainy.loc[order], classes=[0, 1])
        chance = model.predict_proba(features)[:, 1]
        mlflow.log_metric("brier", float(np.mean((chance - rainy) ** 2)), step=epoch)
    if "timed" in words:
        mlflow.log_metric("fit_seconds", time.perf_counter())
    if "untracked" in words:
        mlflow.log_text(open("notes.txt").read(), "notes.txt")
    if name != "none":
        mlflow.sklearn.log_model(
            LogisticRegression().fit(features, rainy), name="model",
            registered_model_name=name, pip_requirements=[], input_example=features[:2],
        )
    if "nested" in words:
        for share in (0.5, 1.0):
            with run(experiment=experiment, nested=True, params={"share": share}):
                mlflow.log_metric("share", share)
"""


@pytest.fixture
def add_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float], None]:
    """Add a version of the dataset `days`, with so much more rain, to the store."""
    from companion.tracking.data import DataStore

    monkeypatch.setenv("COMPANION_DATA_STORE", str(tmp_path / "store"))

    def add(more_mm: float) -> None:
        rows = [f"{n % 7 / 2 + more_mm},{n % 11},{int(n % 7 > 3)}" for n in range(60)]
        path = tmp_path / "days.csv"
        path.write_text("\n".join(("mm,celsius,rainy", *rows)) + "\n")
        DataStore().add(path, name="days")

    return add


@pytest.fixture
def project(
    tracking_uri: str,  # noqa: ARG001 - where the program writes its runs
    add_days: Callable[[float], None],
    tmp_path: Path,
    do_git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A repository with `train.py` and `helpers.py`, and a store of data beside it."""
    folder = tmp_path.resolve() / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text(PROGRAM)
    (folder / "src" / "helpers.py").write_text("RATE = 0.01\n")
    (folder / ".gitignore").write_text("mlruns\n__pycache__\n")
    do_git(folder, "init", "--initial-branch=trunk")
    do_git(folder, "config", "core.autocrlf", "false")
    do_git(folder, "add", ".")
    do_git(folder, "commit", "--message=first")
    add_days(0.0)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def train(project: Path) -> Callable[..., str]:
    """Run the program in its folder, in an experiment of its own; returns its name."""

    def start(*words: str, model: str = "none") -> str:
        experiment = f"rain-{secrets.token_hex(6)}"
        subprocess.run(
            [sys.executable, "train.py", experiment, model, *words],
            cwd=project / "src",
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            check=True,
            capture_output=True,
        )
        return experiment

    return start
