"""The verdict in MLflow: on a file and on real servers."""

import json
import secrets

import mlflow
import pytest

from companion.errors import TrackingError
from companion.tracking import read_rules, run_gate
from companion.tracking.gates.records import record_verdict

RULES = read_rules({"target": "wet", "quality": {"margin": 0.02}})


@pytest.fixture(scope="module")
def verdict(rain_models, rain_rows):
    good, bad = rain_models
    return run_gate(bad, good, rain_rows, RULES)


def make_version(name):
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    return client.create_model_version(name, source="s3://elsewhere/model").version


def record(verdict, name, version):
    return record_verdict(
        verdict,
        page="<h1>Refused</h1>",
        facts={"data_sha256": "abc"},
        name=name,
        version=str(version),
    )


@pytest.mark.usefixtures("tracking_uri")
def test_the_version_names_its_verdict_and_a_run_holds_the_evidence(
    verdict, tmp_path, capsys
):
    name = f"rain-{secrets.token_hex(4)}"  # the servers are shared by all tests
    version = make_version(name)

    run_id = record(verdict, name, version)

    client = mlflow.MlflowClient()
    tags = client.get_model_version(name, version).tags
    assert tags == {
        "companion.gate": "fail",
        "companion.gate.run": run_id,
        "companion.gate.against": "rain, version 1",
    }
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["companion.gate.data_sha256"] == "abc"
    assert run.data.metrics["difference"] == verdict.quality.difference.mean
    assert run.data.params == {"metric": "Brier score", "margin": "0.02"}
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == f"companion.gate/{name}"
    for file in ("gate.html", "gate.json"):
        client.download_artifacts(run_id, file, str(tmp_path))
    assert (tmp_path / "gate.html").read_text() == "<h1>Refused</h1>"
    assert json.loads((tmp_path / "gate.json").read_text())["outcome"] == "fail"
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("mlflow_file")
def test_every_gate_stays_and_the_version_names_the_latest(verdict):
    version = make_version("rain")
    first, second = record(verdict, "rain", version), record(verdict, "rain", version)

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("companion.gate/rain")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_id for run in runs} == {first, second}
    tags = client.get_model_version("rain", version).tags
    assert tags["companion.gate.run"] == second


@pytest.mark.usefixtures("mlflow_file")
def test_an_experiment_that_was_deleted_comes_back(verdict):
    version = make_version("rain")
    record(verdict, "rain", version)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("companion.gate/rain")
    client.delete_experiment(experiment.experiment_id)

    record(verdict, "rain", version)

    assert client.get_experiment_by_name("companion.gate/rain").lifecycle_stage == (
        "active"
    )


@pytest.mark.usefixtures("mlflow_file")
def test_a_version_that_is_gone_is_named(verdict):
    make_version("rain")

    with pytest.raises(TrackingError, match="verdict on version 9 of 'rain' cannot be"):
        record(verdict, "rain", 9)


@pytest.mark.usefixtures("mlflow_state")
def test_a_store_that_is_away_is_known_at_once(monkeypatch, verdict):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")

    with pytest.raises(TrackingError, match="No MLflow server answers"):
        record(verdict, "rain", 1)
