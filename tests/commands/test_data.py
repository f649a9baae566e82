"""`companion data`: a version from its file to its comparison, and back."""

import json
import secrets
import sys
from pathlib import Path

import pytest

from companion.cli import main
from companion.tracking.data import DataStore, log_dataset

DATA = Path(__file__).parents[2] / "data"
OLD, NEW = DATA / "seattle_weather.csv", DATA / "seattle_weather_corrected.csv"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `companion data …` in an empty folder; give exit code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPANION_DATA_STORE", raising=False)
    # A pipe has 120 columns; so have the tables of these tests.
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> tuple[int, str]:
        code = main(["data", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def both(run):
    for path, note in ((OLD, "as published"), (NEW, "")):
        code, _ = run("add", path, "--name", "weather", "--note", note)
        assert code == 0


def test_a_version_is_added_once(run):
    code, out = run("add", OLD, "--name", "weather")

    assert (code, out) == (
        0,
        "weather@604e84c4f4cd is new: 1,461 rows of 6 columns, 47,838 bytes.\n",
    )
    assert "is there already" in run("add", OLD, "--name", "weather")[1]
    assert Path("companion-data", "objects").is_dir()


@pytest.mark.usefixtures("both")
def test_versions_are_listed_and_shown(run):
    _, out = run("list")
    _, shown = run("show", "weather@604e")

    lines = out.splitlines()
    assert lines[0].split() == ["VERSION", "ADDED", "ROWS", "COLUMNS", "BYTES", "NOTE"]
    assert [line.split()[0] for line in lines[1:]] == [
        "weather@604e84c4f4cd",
        "weather@91ce816ce328",
    ]
    assert lines[1].endswith("as published")
    assert "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b" in shown
    assert "precipitation  string" in shown
    (first, _) = json.loads(run("list", "weather", "--json")[1])
    assert first["version"] == "weather@604e84c4f4cd"
    assert json.loads(run("show", "weather@604e", "--json")[1]) == first


def test_a_list_of_nothing_says_so(run):
    assert run("list") == (0, "No version of any dataset is in companion-data.\n")
    assert not Path("companion-data").exists()
    assert run("verify") == (0, "No version is in companion-data.\n")


@pytest.mark.usefixtures("both")
def test_versions_and_files_are_compared(run):
    code, out = run("diff", "weather@604e", NEW, "--svg", "diff.svg")

    assert code == 0
    assert "weather: 391 rows changed" in out
    assert Path("diff.svg").read_text().startswith("<svg")
    read = json.loads(run("diff", OLD, "weather", "--json", "--key", "date")[1])
    assert read["columns"][1]["n_changed"] == 391
    code, out = run("diff", OLD, NEW, "--svg", "none/diff.svg")
    assert (code, "none/diff.svg cannot be written" in out) == (1, True)


@pytest.mark.usefixtures("both")
def test_damage_ends_with_one(run):
    assert run("verify", "weather@604e") == (0, "weather@604e84c4f4cd: unchanged\n")
    (kept,) = Path("companion-data").rglob("62f0*.csv")
    kept.write_bytes(kept.read_bytes().replace(b"rain", b"snow", 1))

    code, out = run("verify")

    assert code == 1
    assert "weather@91ce816ce328: unchanged" in out
    assert "weather@604e84c4f4cd: " in out
    assert "Error: 1 of 2 versions are damaged." in out


@pytest.mark.usefixtures("both")
def test_a_file_is_held_against_a_version(run):
    assert run("verify", "weather@604e", "--file", OLD)[0] == 0
    code, out = run("verify", "weather@604e", "--file", NEW)

    assert code == 1
    assert "is not weather@604e84c4f4cd: its fingerprint is 91ce816ce328" in out
    assert run("verify", "--file", NEW)[0] == 2


@pytest.mark.usefixtures("both")
def test_a_version_is_written_back(run):
    assert run("get", "weather@604e", "--to", "old.csv")[0] == 0
    assert run("get", "weather")[1] == (
        "weather@91ce816ce328 is in seattle_weather_corrected.csv.\n"
    )

    assert Path("old.csv").read_bytes() == OLD.read_bytes()
    assert Path(NEW.name).read_bytes() == NEW.read_bytes()
    assert run("get", "weather")[0] == 1


def test_mistakes_are_one_sentence(run):
    for arguments, message in (
        (("show", "rain"), "Error: the store of data companion-data has no dataset"),
        (("add", OLD, "--name", "a/b"), "Error: a dataset cannot be called 'a/b'"),
        (("diff", OLD, "none.csv"), "Error: the store of data companion-data has no"),
    ):
        code, out = run(*arguments)
        assert (code, out[: len(message)]) == (1, message)


def test_the_store_may_be_elsewhere(run, monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA_STORE", str(tmp_path / "shared"))
    run("add", OLD, "--name", "weather")

    assert run("list", "--data-store", "other")[1].startswith("No version")
    assert "weather@604e84c4f4cd" in run("list")[1]


@pytest.mark.usefixtures("both")
def test_runs_and_models_that_used_a_version_are_listed(
    run, tracking_uri, tmp_path, capsys
):
    """On an SQLite file and on servers, as MLflow's own API shows it."""
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    name = f"terrace-{secrets.token_hex(4)}"
    mlflow.set_experiment(name)
    version = DataStore(tmp_path / "companion-data").find("weather@604e")
    with mlflow.start_run(run_name="first") as started:
        dataset = log_dataset(version, context="training")
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    client.create_model_version(
        name, f"runs:/{started.info.run_id}/model", run_id=started.info.run_id
    )
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "alki", "1")

    kept = client.get_run(started.info.run_id).inputs.dataset_inputs[0]
    assert kept.dataset.digest == version.fingerprint.sha256[:36] == dataset.digest
    assert kept.dataset.name == "weather"
    assert json.loads(kept.dataset.profile)["num_rows"] == 1461
    tags = {tag.key: tag.value for tag in kept.tags}
    assert tags["companion.data.sha256"] == version.fingerprint.sha256
    assert tags["companion.data.version"] == version.address
    source = mlflow.data.get_source(kept.dataset)
    assert Path(source.load()).read_bytes() == OLD.read_bytes()

    capsys.readouterr()  # MLflow prints where the run is
    lines = run("list")[1].splitlines()
    assert lines[0].split()[5:7] == ["RUNS", "MODELS"]
    assert f"{name}/1 (alki, champion)" in lines[1]
    assert name not in lines[2]
    used = json.loads(run("show", "weather@604e", "--json")[1])["used_by"]
    assert {
        "run_id": started.info.run_id,
        "run_name": "first",
        "context": "training",
        "models": [f"{name}/1"],
        "aliases": {f"{name}/1": ["alki", "champion"]},
    } in used
    shown = run("show", "weather@604e")[1]
    assert f"{started.info.run_id}  first" in shown
    assert f"training  {name}/1 (alki, champion)" in shown


@pytest.mark.usefixtures("both")
def test_without_mlflows_server_versions_are_listed_and_a_note_says_what_is_unknown(
    run, monkeypatch, free_address, capsys
):
    listed, shown = run("list"), run("show", "weather@604e")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", free_address)

    for arguments, without_mlflow in (
        (("list",), listed),
        (("show", "weather@604e"), shown),
    ):
        code = main(["data", *arguments])
        out, err = capsys.readouterr()
        assert (code, out) == without_mlflow
        assert err.startswith(
            "The runs and models that used the data cannot be named: No MLflow server "
            f"answers at {free_address}: "
        )
        assert err.count("\n") == 1
    main(["data", "list", "--json"])
    assert [one["used_by"] for one in json.loads(capsys.readouterr().out)] == [None] * 2


@pytest.fixture
def free_address() -> str:
    from companion.system import free_port

    return f"http://127.0.0.1:{free_port()}"


def test_without_its_libraries_the_command_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "fsspec" else object()
    )
    code, out = run("list")

    assert code == 1
    assert 'needs fsspec, which is not installed. Install it with: pip install "' in out
