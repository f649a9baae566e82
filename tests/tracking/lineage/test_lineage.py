"""The chain from data to predictions, whole and with links that are missing."""

import secrets
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import mlflow
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag

from companion.cli import main
from companion.errors import RegistryError, SettingError
from companion.store import Journal, Prediction, journal_folder, ship
from companion.tracking import (
    Lineage,
    Link,
    delete_version,
    draw_lineage,
    promote,
    trace_lineage,
)

SHA = "0845078a290b48e3149ab8639966824110a251db4e06fc144c06ebb534af23be"
WHOLE_RUN = {
    "mlflow.source.git.commit": "9f2c",
    "companion.git_state": "clean",
    "companion.lock_sha256": "77aa",
    "companion.python": "3.11.9",
    "companion.seed": "7",
}
WHOLE_DATA = {"mlflow.data.context": "training", "companion.data.sha256": SHA}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The log of a test: predictions of two days, by version 1 of "terrace-…"."""
    url = f"sqlite:///{tmp_path}/log.db"
    monkeypatch.setenv("COMPANION_STORE", url)
    return url


def log_predictions(store, name, days):
    journal = Journal(journal_folder(store))
    journal.append(
        [
            Prediction(
                id=f"p{number}",
                request_id=f"r{number}",
                created_at=datetime(2026, 11, day, 12, tzinfo=UTC),
                model_name=name,
                model_version="1",
                inputs={"rain_mm": 1.0},
                value=0.5,
                latency_ms=1.0,
            )
            for number, day in enumerate(days)
        ]
    )
    journal.close()
    ship(store)


def register(*, run_tags=None, data_tags=None, names_run=True):
    """Register version 1 of a new model, made by a run with a dataset."""
    client = mlflow.MlflowClient()
    name = f"terrace-{secrets.token_hex(4)}"
    experiment = client.create_experiment(secrets.token_hex(8))
    run = client.create_run(experiment, run_name="spring", tags=run_tags or {})
    run_id = run.info.run_id
    client.log_param(run_id, "C", 0.5)
    if data_tags is not None:
        data = Dataset(name="weather", digest=SHA[:36], source_type="local", source="x")
        tags = [InputTag(key, value) for key, value in data_tags.items()]
        client.log_inputs(run_id, datasets=[DatasetInput(data, tags)])
    source_run = run_id if names_run else None
    logged = client.create_logged_model(experiment, "model", source_run_id=source_run)
    client.create_registered_model(name)
    client.create_model_version(
        name, f"models:/{logged.model_id}", model_id=logged.model_id
    )
    return name, run_id, logged.model_id


def facts_of(lineage):
    return {one.kind: one.facts for one in lineage.links}


def missing_of(lineage):
    return {one.kind: " ".join(one.missing) for one in lineage.links if one.missing}


@pytest.mark.usefixtures("tracking_uri")
def test_the_whole_chain_is_traced_from_data_to_predictions(store):
    name, run_id, model_id = register(run_tags=WHOLE_RUN, data_tags=WHOLE_DATA)
    promote(name, 1, reason="3 EUR a day cheaper", actor="ada")
    log_predictions(store, name, [23, 23, 25])

    found = trace_lineage(f"models:/{name}@champion")

    assert found.is_complete
    assert [(one.kind, one.title) for one in found.links] == [
        ("data", "weather"),
        ("run", run_id),
        ("model", f"{name}, version 1"),
        ("alias", "champion"),
        ("predictions", "3"),
    ]
    facts = facts_of(found)
    assert facts["data"] == {
        "used for": "training",
        "SHA-256": SHA,
        "digest": SHA[:36],
    }
    run = facts["run"]
    assert (run["name"], run["commit"], run["seed"]) == ("spring", "9f2c", "7")
    assert run["parameters"] == "C=0.5"
    assert facts["model"]["files"] == model_id
    assert facts["alias"]["actor"] == "ada"
    assert facts["alias"]["reason"] == "3 EUR a day cheaper"
    assert facts["predictions"] == {
        "first day": "2026-11-23 UTC",
        "last day": "2026-11-25 UTC",
    }


@pytest.mark.usefixtures("mlflow_file")
def test_each_link_that_is_missing_is_named_with_its_reason(store):
    bare, run_id, _ = register()
    of_bare = missing_of(trace_lineage(f"models:/{bare}/1"))
    half, *_ = register(
        run_tags={"mlflow.source.git.commit": "9f2c"},
        data_tags={"mlflow.data.context": "training"},
    )
    mlflow.MlflowClient().set_registered_model_alias(half, "champion", "1")
    log_predictions(store, "another", [23])
    of_half = missing_of(trace_lineage(f"models:/{half}@champion"))
    mlflow.MlflowClient().delete_run(run_id)
    of_deleted = missing_of(trace_lineage(f"models:/{bare}/1"))
    alone, *_ = register(names_run=False)
    of_alone = missing_of(trace_lineage(f"models:/{alone}/1"))

    assert of_bare["data"] == (
        "the run logged no dataset; `companion.tracking.data.log_dataset` does."
    )
    assert of_bare["run"] == "the commit of the code. the versions of the packages."
    assert of_bare["alias"] == "no alias points to this version."
    assert of_bare["predictions"].startswith("There is no log at")
    assert "model" not in of_bare
    assert "fingerprint of the whole content" in of_half["data"]
    assert "whether files differed from the commit." in of_half["run"]
    assert of_half["alias"] == "it is not in the journal who promoted it, and why."
    assert of_half["predictions"] == f"none of {half}, version 1, is in this log."
    assert of_deleted["run"].startswith("the run has been deleted; `mlflow runs r")
    assert of_alone["run"] == "none is named."
    assert of_alone["data"] == "without the run it is not known."


@pytest.mark.usefixtures("mlflow_file", "store")
def test_an_alias_that_was_changed_past_the_journal_is_a_gap():
    name, *_ = register()
    logged = mlflow.MlflowClient().create_logged_model("0", "model")
    mlflow.MlflowClient().create_model_version(
        name, f"models:/{logged.model_id}", model_id=logged.model_id
    )
    promote(name, 2, reason="cheaper")
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")

    missing = missing_of(trace_lineage(f"models:/{name}@champion"))

    assert "it was changed past the journal" in missing["alias"]


@pytest.mark.usefixtures("mlflow_file", "store")
def test_what_is_not_there_is_an_error():
    name, *_ = register()

    with pytest.raises(
        RegistryError, match="no alias 'champion'; its aliases are none"
    ):
        trace_lineage(f"models:/{name}@champion")
    with pytest.raises(RegistryError, match="has no version 2; the newest are 1"):
        trace_lineage(f"models:/{name}/2")
    with pytest.raises(RegistryError, match="has no model 'nobody'"):
        trace_lineage("models:/nobody@champion")
    for address in ("terrace", "models:/terrace", "runs:/1/model", "models:/a/latest"):
        with pytest.raises(SettingError, match="is not the address of a registered"):
            trace_lineage(address)
    delete_version(name, 1, reason="old")
    with pytest.raises(RegistryError, match="has no version 1; the newest are none"):
        trace_lineage(f"models:/{name}/1")


def test_the_drawing_has_each_link_and_marks_the_gaps():
    """Texts of others may hold anything; the file must stay well-formed XML."""
    sha256 = "0123456789abcdef" * 4
    links = (
        Link(kind="data", title="", facts={}, missing=("the run logged <none>.",)),
        Link(kind="data", title="prices", facts={}),
        Link(
            kind="run",
            title="a&b",
            facts={"name": "x\x00\x1b\n" + "long " * 40, "packages": sha256},
        ),
    )

    drawing = draw_lineage(Lineage(address="models:/a/1", links=links))

    root = ET.fromstring(drawing)  # noqa: S314 - our own

    svg = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in root.iter(f"{svg}text")]
    assert texts[:3] == ["data", "missing: the run logged <none>.", "data: prices"]
    assert texts[3] == "run: a&b"
    assert texts[4].startswith("name: x??")
    assert all(len(one) <= 48 for one in texts)
    assert texts[-1] == "packages: 0123456789ab…"
    assert f"packages  {sha256}" in root.find(f"{svg}desc").text
    assert [one.get("class") for one in root.iter(f"{svg}rect")] == [
        *("gap", "whole", "whole")
    ]
    # From the data to the run; two datasets are beside each other.
    assert len(list(root.iter(f"{svg}path"))) == 1
    assert root.find(f"{svg}title").text == "Lineage of models:/a/1"


@pytest.mark.usefixtures("mlflow_file", "store")
def test_the_command_prints_text_and_json_and_draws(tmp_path, capsys):
    import json

    name, *_ = register(run_tags=WHOLE_RUN, data_tags=WHOLE_DATA)
    promote(name, 1, reason="bell\x07 and\nline", actor="ada")
    address = f"models:/{name}@champion"

    codes = [main(["lineage", address, "--svg", str(tmp_path / "chain.svg")])]
    text = capsys.readouterr().out
    codes.append(main(["lineage", address, "--json"]))
    chain = json.loads(capsys.readouterr().out)
    codes.append(main(["lineage", address, "--svg", str(tmp_path / "no" / "x.svg")]))
    err = capsys.readouterr().err

    assert codes == [0, 0, 1]
    assert "    reason    bell? and line\n" in text
    assert text.startswith("data: weather\n    used for  training\n")
    assert "predictions\n    missing: There is no log at" in text
    assert chain["complete"] is False
    assert [one["kind"] for one in chain["links"]] == [
        *("data", "run", "model", "alias", "predictions")
    ]
    assert (tmp_path / "chain.svg").read_text("utf-8").startswith("<svg ")
    assert err.startswith("Error: The drawing cannot be written to")
