"""Runs that cannot be run again: each says why, and what to do."""

import json
from pathlib import Path

import mlflow
import pytest

from companion.cli import main
from companion.errors import RegistryError, ReproduceError, SettingError
from companion.tracking import reproduce, run
from companion.tracking.reproducing.data import stage_data


@pytest.fixture
def code(mlflow_file, repository, monkeypatch):  # noqa: ARG001 - where runs are
    """A repository with one commit as working folder."""
    monkeypatch.chdir(repository)
    return repository


def refuse(active, **options):
    with pytest.raises(ReproduceError) as caught:
        reproduce(f"runs:/{active.info.run_id}", **options)
    return str(caught.value)


@pytest.mark.usefixtures("code")
def test_a_run_that_was_not_recorded_or_not_finished():
    with mlflow.start_run() as bare:
        pass
    with pytest.raises(ValueError, match="wet"), run() as failed:
        raise ValueError("wet")
    with run() as resumed:
        pass
    with run(run_id=resumed.info.run_id):
        pass

    assert "has not recorded how its program was started" in refuse(bare)
    assert "has the status FAILED; only one that ended well" in refuse(failed)
    assert "was resumed: what it gave is of 2 programs" in refuse(resumed)


@pytest.mark.usefixtures("code")
def test_a_run_of_a_notebook_or_without_a_commit(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with run(folder=elsewhere) as uncommitted:
        pass
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    with run() as interactive:
        pass

    assert "knows no commit of its code (no repository)" in refuse(uncommitted)
    assert "by a command: it was made in an interactive session" in refuse(interactive)


def test_a_repository_without_the_commit(code, do_git, tmp_path):
    with run() as active:
        pass
    commit = do_git(code, "rev-parse", "HEAD")
    other = tmp_path / "other"
    other.mkdir()
    do_git(other, "init")
    do_git(other, "commit", "--allow-empty", "--message=first")
    none = tmp_path / "none"
    none.mkdir()

    assert f"The commit {commit} is not in the repository" in refuse(
        active, repository=other
    )
    assert "Run the command in a clone of the code" in refuse(active, repository=none)


def test_changes_that_are_too_large_to_keep(code, monkeypatch):
    monkeypatch.setattr("companion.tracking.runs.git._MAX_DIFF_BYTES", 10)
    (code / "train.py").write_text("alpha = 2\n")
    with run() as active:
        pass

    assert "they are left out, for it is larger than 10 MiB" in refuse(active)


def test_addresses_that_lead_to_no_run(mlflow_file, capsys):  # noqa: ARG001
    for address in ("terrace", "runs:/1", "models:/terrace"):
        with pytest.raises(SettingError, match="is not the address of a registered"):
            reproduce(address)
    with pytest.raises(RegistryError, match="has no model 'terrace'"):
        reproduce("models:/terrace@champion")
    with pytest.raises(ReproduceError, match=r"no run 0+ in this tracking store"):
        reproduce(f"runs:/{'0' * 32}")
    client = mlflow.MlflowClient()
    logged = client.create_logged_model(client.create_experiment("x"), "model")
    client.create_registered_model("terrace")
    client.create_model_version("terrace", f"models:/{logged.model_id}")

    code = main(["reproduce", "models:/terrace/1"])

    assert code == 1
    assert capsys.readouterr().err.startswith(
        "Error: The run that made terrace, version 1 is not known, or gone."
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in MLflow
def test_data_that_cannot_be_verified_are_named(mlflow_file, tmp_path):  # noqa: ARG001
    """A version that is gone, one that is damaged, and one that never was."""
    import pandas as pd

    from companion.tracking.data import DataStore, log_dataset

    store = DataStore(tmp_path / "store")
    days = store.add(pd.DataFrame({"mm": [1.0]}), name="days")[0]
    hours = store.add(pd.DataFrame({"mm": [2.0]}), name="hours")[0]
    weeks = store.add(pd.DataFrame({"mm": [3.0]}), name="weeks")[0]
    with mlflow.start_run() as active:
        for one in (days, hours, weeks):
            log_dataset(one)
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"x": [1]}), name="bare"))
    for one in (tmp_path / "store" / "versions" / "days").iterdir():
        one.unlink()
    sha256 = hours.files[0].sha256
    (path,) = (tmp_path / "store" / "objects").glob(f"*/{sha256}*")
    path.write_bytes(b"other")

    verified, missing = stage_data(
        [mlflow.get_run(active.info.run_id)],
        tmp_path / "staged",
        fallback=str(tmp_path / "none"),
    )

    assert verified == [f"{weeks.address}, from {tmp_path / 'store'}"]
    told = "\n".join(missing)
    assert "'bare' was logged without a version" in told
    assert f"{days.address} is in no store, so the program has to bring it" in told
    assert f"{hours.address} in {tmp_path / 'store'} is damaged" in told
    assert len(missing) == 3
    staged = DataStore(tmp_path / "staged").versions()
    assert [one.fingerprint for one in staged] == [weeks.fingerprint]


def test_a_version_that_is_elsewhere_now_is_found_there(mlflow_file, tmp_path):  # noqa: ARG001
    import pandas as pd

    from companion.tracking.data import DataStore, log_dataset

    table = pd.DataFrame({"mm": [1.0]})
    with mlflow.start_run() as active:
        log_dataset(DataStore(tmp_path / "store").add(table, name="days")[0])
    (tmp_path / "store").rename(tmp_path / "moved")

    verified, missing = stage_data(
        [mlflow.get_run(active.info.run_id)],
        tmp_path / "staged",
        fallback=str(tmp_path / "moved"),
    )

    assert len(verified) == 1
    assert not missing


@pytest.mark.usefixtures("code")
def test_the_record_holds_the_command_as_json(tmp_path):
    with run() as first, run(nested=True) as second:
        pass

    found = []
    for active in (first, second):
        path = mlflow.artifacts.download_artifacts(
            run_id=active.info.run_id,
            artifact_path="companion/session-1/run.json",
            dst_path=str(tmp_path / active.info.run_id),
        )
        found.append(json.loads(Path(path).read_text("utf-8"))["command"])
    assert found[0]["program"] == found[1]["program"]
    assert found[1]["number"] == found[0]["number"] + 1
    assert found[0]["folder"] == "."
    tags = mlflow.get_run(first.info.run_id).data.tags
    assert tags["companion.number"] == str(found[0]["number"])
