"""A tracked run: `companion.tracking.run` against the same calls in MLflow's own.

Both log 20 parameters, 200 metric steps, 3 figures and a model, to an SQLite file and
to a server. The two take turns, and the fastest of each are compared: whatever else the
machine does only adds to the others. The code is in a repository with an uncommitted
change, which has to be read and stored.
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["run"]

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "databases"))
ROUNDS = 7
N_PARAMS, N_STEPS, N_FIGURES = 20, 200, 3
GOAL = 1.10


def run() -> None:
    """Print both times on each store, and what ours adds."""
    warnings.simplefilter("ignore")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    from mlflow_server import start_server

    with tempfile.TemporaryDirectory() as place:
        code = _make_repository(Path(place, "code"))
        with chdir(code):
            _compare("SQLite file", f"sqlite:///{place}/file.db")
            with start_server(
                f"sqlite:///{place}/server.db", Path(place, "artifacts")
            ) as server:
                _compare("server on SQLite", str(server.url))


def _compare(store: str, uri: str) -> None:
    from companion.system.mlflow import load_mlflow
    from companion.tracking import run as tracked_run

    mlflow = load_mlflow("The benchmark")
    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("bench")
    experiment = mlflow.get_experiment_by_name("bench").experiment_id
    work = _make_work(mlflow)

    @contextmanager
    def bare() -> Iterator[None]:
        with mlflow.start_run(run_name="bare", experiment_id=experiment):
            yield

    @contextmanager
    def ours() -> Iterator[None]:
        with tracked_run("ours", experiment="bench"):
            yield

    times: dict[Callable[[], Any], list[float]] = {bare: [], ours: []}
    for number in range(-1, ROUNDS):
        # Whoever is first in a round would be first each time.
        for start in (bare, ours) if number % 2 else (ours, bare):
            begin = time.perf_counter()
            with start():
                work()
            if number >= 0:  # the first round fills the caches
                times[start].append(time.perf_counter() - begin)
    theirs_s, ours_s = (min(samples) for samples in times.values())
    verdict = "reached" if ours_s <= GOAL * theirs_s else "MISSED"
    sys.stdout.write(
        f"  {store:<18} MLflow {theirs_s:6.2f} s   companion {ours_s:6.2f} s   "
        f"ratio {ours_s / theirs_s:.3f}  (goal: at most {GOAL:.2f}, {verdict})\n"
    )
    sys.stdout.flush()


def _make_work(mlflow: Any) -> Callable[[], None]:
    import numpy as np
    from matplotlib.figure import Figure
    from sklearn.linear_model import LinearRegression

    rows = np.arange(20.0).reshape(10, 2)
    model = LinearRegression().fit(rows, rows[:, 0])

    def work() -> None:
        mlflow.log_params({f"param_{number}": number for number in range(N_PARAMS)})
        for step in range(N_STEPS):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        for number in range(N_FIGURES):
            figure = Figure()
            figure.subplots().plot(rows)
            mlflow.log_figure(figure, f"figure_{number}.png")
        mlflow.sklearn.log_model(
            model, name="model", pip_requirements=["scikit-learn"], input_example=rows
        )

    return work


def _make_repository(folder: Path) -> Path:
    folder.mkdir()
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    (folder / "train.py").write_text("alpha = 1\n" * 100)
    for command in (("init", "--quiet"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    (folder / "train.py").write_text("alpha = 2\n" * 100)
    return folder


if __name__ == "__main__":
    run()
