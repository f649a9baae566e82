"""Runs on an SQLite file, and on servers with SQLite and PostgreSQL behind them."""

import hashlib
import json
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities import RunStatus, ViewType

from companion.errors import SettingError
from companion.tracking import run
from companion.tracking.runs.environment import list_packages


@pytest.fixture
def code(repository, monkeypatch):
    """The repository as working folder, with a lock file."""
    (repository / "uv.lock").write_bytes(b"pins\n")
    monkeypatch.chdir(repository)
    return repository


@pytest.fixture
def experiment(tracking_uri, code):  # noqa: ARG001 - used for what they do
    return f"rain-{secrets.token_hex(6)}"


def read(active):
    return mlflow.get_run(active.info.run_id)


def read_artifact(active, path):
    place = mlflow.artifacts.download_artifacts(
        run_id=active.info.run_id, artifact_path=path, dst_path="downloaded"
    )
    return Path(place).read_text()


def test_a_run_says_where_it_came_from(experiment, code, do_git):
    do_git(code, "add", ".")
    do_git(code, "commit", "--message=lock")

    with run("first", experiment=experiment, params={"alpha": 0.5}, seed=7) as active:
        mlflow.log_metric("cost_eur", 31.5)

    kept = read(active)
    tags = kept.data.tags
    assert tags["mlflow.source.git.commit"] == do_git(code, "rev-parse", "HEAD")
    assert tags["mlflow.source.git.branch"] == "trunk"
    assert tags["mlflow.source.git.dirty"] == "false"
    assert tags["companion.git_state"] == "clean"
    assert tags["companion.lock_file"] == "uv.lock"
    assert tags["companion.lock_sha256"] == hashlib.sha256(b"pins\n").hexdigest()
    packages = read_artifact(active, "companion/session-1/packages.txt")
    assert packages == list_packages()
    digest = hashlib.sha256(packages.encode()).hexdigest()
    assert tags["companion.packages_sha256"] == digest
    assert (tags["companion.seed"], tags["companion.sessions"]) == ("7", "1")
    assert kept.data.params == {"alpha": "0.5"}
    assert kept.data.metrics["cost_eur"] == 31.5
    assert kept.info.run_name == "first"
    assert kept.info.status == "FINISHED"
    found = mlflow.get_experiment_by_name(experiment)
    assert kept.info.experiment_id == found.experiment_id


def test_uncommitted_changes_are_kept_as_a_diff(experiment, code, do_git, tmp_path):
    (code / "train.py").write_bytes(b"alpha = 2\n")

    with run(experiment=experiment) as active:
        pass

    assert read(active).data.tags["mlflow.source.git.dirty"] == "true"
    facts = json.loads(read_artifact(active, "companion/session-1/run.json"))
    assert facts["git"]["diff"] == "changes.diff"
    assert facts["git"]["untracked"] == ["uv.lock"]
    diff = code / "downloaded" / "changes.diff"
    read_artifact(active, "companion/session-1/changes.diff")
    clone = tmp_path / "clone"
    do_git(tmp_path, "clone", "--quiet", str(code), str(clone))
    do_git(clone, "apply", str(diff))
    assert (clone / "train.py").read_bytes() == b"alpha = 2\n"


def test_a_run_outside_a_repository_says_so(experiment, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()

    with run(experiment=experiment, folder=place) as active:
        pass

    tags = read(active).data.tags
    assert tags["companion.git_state"] == "no repository"
    assert not any(name.startswith("mlflow.source.git") for name in tags)
    assert "companion.git_untracked" not in tags
    assert "companion.lock_file" not in tags


@pytest.mark.filterwarnings("ignore")
def test_all_of_mlflow_works_inside(experiment):
    """The active run is MLflow's own: with its artifacts, inputs, and models."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    table = pd.DataFrame({"rain_mm": [0.0, 1.5]})

    with run(experiment=experiment) as active:
        assert mlflow.active_run() is active
        mlflow.log_text("wet", "notes/day.txt")
        mlflow.log_input(mlflow.data.from_pandas(table, name="days"), context="train")
        mlflow.sklearn.autolog(log_input_examples=False, log_models=False)
        LinearRegression().fit(table, table["rain_mm"])
        mlflow.sklearn.autolog(disable=True)
        model = mlflow.sklearn.log_model(
            LinearRegression().fit(table, [0, 1]), name="model", pip_requirements=[]
        )

    kept = read(active)
    assert mlflow.active_run() is None
    assert kept.inputs.dataset_inputs[0].dataset.name == "days"
    assert kept.data.params["fit_intercept"] == "True"
    logged = mlflow.get_logged_model(model.model_id)
    assert (logged.source_run_id, logged.experiment_id) == (
        active.info.run_id,
        active.info.experiment_id,
    )
    listed = mlflow.MlflowClient().list_artifacts(active.info.run_id)
    assert {one.path for one in listed} >= {"notes", "companion"}


def test_duration_and_peak_memory_are_measured(experiment):
    with run(experiment=experiment) as active:
        block = bytearray(200 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        del block
        time.sleep(0.3)

    metrics = read(active).data.metrics
    assert 0.3 <= metrics["companion.duration_s"] < 30
    assert 200 < metrics["companion.peak_memory_mib"] < 10_000


def test_a_run_inside_a_run_is_its_child_in_the_same_experiment(experiment):
    with run("outer", experiment=experiment) as outer:
        with run("inner", nested=True) as inner:
            pass
        assert mlflow.active_run().info.run_id == outer.info.run_id

    child = read(inner)
    assert child.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert child.info.experiment_id == outer.info.experiment_id
    assert child.info.status == read(outer).info.status == "FINISHED"


def test_a_run_inside_a_run_must_be_asked_for(experiment):
    with (
        run("outer", experiment=experiment) as outer,
        pytest.raises(SettingError, match=r"The run 'outer' is active.*nested=True"),
        run("inner"),
    ):
        pass

    assert read(outer).info.status == "FINISHED"


def test_a_resumed_run_keeps_both_sessions(experiment, code, do_git):
    first_commit = do_git(code, "rev-parse", "HEAD")
    with run("long", experiment=experiment, seed=1) as first:
        mlflow.log_metric("loss", 0.9, step=1)
    do_git(code, "add", ".")
    do_git(code, "commit", "--message=second")

    with run(run_id=first.info.run_id, seed=1) as second:
        mlflow.log_metric("loss", 0.5, step=2)

    kept = read(first)
    assert second.info.run_id == first.info.run_id
    assert kept.info.run_name == "long"
    assert kept.data.tags["companion.sessions"] == "2"
    assert kept.data.tags["mlflow.source.git.commit"] == first_commit
    differ = kept.data.tags["companion.sessions_differ"].split(", ")
    assert differ == ["companion.git_untracked", "mlflow.source.git.commit"]
    facts = json.loads(read_artifact(first, "companion/session-2/run.json"))
    assert facts["git"]["commit"] == do_git(code, "rev-parse", "HEAD")
    history = mlflow.MlflowClient().get_metric_history(
        first.info.run_id, "companion.duration_s"
    )
    assert [one.step for one in history] == [1, 2]


def test_a_session_that_differs_in_nothing_says_so_by_silence(experiment):
    with run(experiment=experiment) as first:
        pass
    with run(run_id=first.info.run_id):
        pass

    assert "companion.sessions_differ" not in read(first).data.tags


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_a_block_that_raises_ends_its_run_so(experiment, error, status):
    with pytest.raises(error, match="wet"), run(experiment=experiment) as active:
        raise error("wet")

    kept = read(active)
    assert kept.info.status == status
    assert "companion.duration_s" in kept.data.metrics
    assert mlflow.active_run() is None


def test_what_was_started_in_the_block_ends_with_it(experiment):
    with run(experiment=experiment) as outer:
        inner = mlflow.start_run(nested=True)

    assert mlflow.active_run() is None
    assert read(outer).info.status == read(inner).info.status == "FINISHED"


def test_a_run_that_the_block_ended_itself_is_measured_all_the_same(experiment):
    with run(experiment=experiment) as active:
        mlflow.end_run("KILLED")

    kept = read(active)
    assert kept.info.status == "KILLED"
    assert "companion.duration_s" in kept.data.metrics


def test_a_seed_repeats_the_draws_and_none_leaves_them(experiment):
    draws = []
    for _ in range(2):
        with run(experiment=experiment, seed=11):
            draws.append((random.random(), np.random.random()))  # noqa: NPY002, S311
    random.seed(5)
    expected = random.Random(5).random()  # noqa: S311
    # Without a name, MLflow draws one.
    with run("unseeded", experiment=experiment) as active:
        drawn = random.random()  # noqa: S311

    assert draws[0] == draws[1]
    assert draws[0][0] == random.Random(11).random()  # noqa: S311
    assert drawn == expected
    assert read(active).data.tags["companion.seed"] == "not set"


def test_two_clients_that_need_a_new_experiment_get_one(experiment):
    """Each of eight threads is a client: MLflow's active run is that of a thread."""

    def track(number):
        with run(f"run {number}", experiment=experiment, params={"n": number}):
            mlflow.log_metric("n", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(track, range(8)))

    found = mlflow.search_runs(experiment_names=[experiment], output_format="list")
    assert {one.data.metrics["n"] for one in found} == set(range(8))
    assert {RunStatus.from_string(one.info.status) for one in found} == {
        RunStatus.FINISHED
    }


def test_a_deleted_experiment_is_said_with_the_way_back(experiment):
    number = mlflow.create_experiment(experiment)
    mlflow.delete_experiment(number)

    with (
        pytest.raises(SettingError, match=f"deleted.*--experiment-id {number}"),
        run(experiment=experiment),
    ):
        pass


@pytest.mark.usefixtures("experiment")
def test_a_run_that_is_not_there_is_said():
    with (
        pytest.raises(SettingError, match=r"cannot be started: Run with id=0+ not f"),
        run(run_id="0" * 32),
    ):
        pass

    assert mlflow.active_run() is None


def test_a_parameter_that_a_resumed_run_has_with_another_value_is_said(experiment):
    with run(experiment=experiment, params={"alpha": 1}) as first:
        pass

    with (
        pytest.raises(SettingError, match="cannot be started: Changing param values"),
        run(run_id=first.info.run_id, params={"alpha": 2}),
    ):
        pass

    assert mlflow.active_run() is None
    assert read(first).data.params == {"alpha": "1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1; expected is a whole number from 0 to 4294967295"),
        ({"seed": True}, "seed is True"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"params": {"text": "x" * 6001}}, "'text' has 6001 characters"),
        ({"folder": "missing"}, "missing does not exist"),
        ({"lock_file": "missing.lock"}, r"missing\.lock cannot be read"),
    ],
)
@pytest.mark.usefixtures("mlflow_file", "code")
def test_an_argument_that_cannot_be_used_starts_no_run(arguments, message):
    with pytest.raises(SettingError, match=message), run(**arguments):
        pass

    assert mlflow.search_runs(
        search_all_experiments=True, run_view_type=ViewType.ALL
    ).empty


@pytest.mark.usefixtures("mlflow_state")
def test_a_store_that_is_not_there_yet_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'new.db'}")
    monkeypatch.chdir(tmp_path)

    with run("first") as active:
        pass

    assert read(active).info.status == "FINISHED"
