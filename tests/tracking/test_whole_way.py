"""The whole way of one model, nothing made by hand.

A dataset version, a run in a repository, a registered version, a gate, a promotion, a
server that answers: lineage and card must know all of it.
"""

import secrets

import mlflow
import numpy as np
import pandas as pd
import platformdirs
import pytest
from sklearn.linear_model import LogisticRegression

from companion.cli import main
from companion.serving import ServerConfig, create_app
from companion.store import ship
from companion.tracking import promote, run, trace_lineage, training_metadata
from companion.tracking.data import DataStore, log_dataset

COLUMNS = ["clouds", "noise"]


def make_days(seed):
    rng = np.random.default_rng(seed)
    days = pd.DataFrame(rng.normal(size=(400, 2)), columns=COLUMNS)
    return days.assign(wet=(days["clouds"] + rng.normal(size=400) > 0).astype(int))


def train(name, experiment, seed, strength):
    """Train as engineers do, and register what comes out; return the run."""
    store = DataStore("data-store")
    days, later = (
        store.add(make_days(number), name=data)[0]
        for data, number in (("days", 1), ("later", 2))
    )
    learned = make_days(1)
    model = LogisticRegression(C=strength)
    with run(
        "spring", experiment=experiment, params={"C": strength}, seed=seed
    ) as active:
        log_dataset(days)
        log_dataset(later, context="test")
        model.fit(learned[COLUMNS], learned["wet"])
        mlflow.log_metric("accuracy", model.score(learned[COLUMNS], learned["wet"]))
        mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name=name,
            input_example=learned[COLUMNS][:2],
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",
            metadata=training_metadata(learned[COLUMNS]),
        )
    return active.info.run_id, days, later


def predict(address, store):
    """Ask a server of the model for two days, and bring them into the log."""
    app = create_app(ServerConfig(model=address, store=store))
    rows = {"dataframe_records": make_days(3)[COLUMNS][:2].to_dict("records")}
    response = app.test_client().post("/invocations", json=rows)
    assert response.status_code == 200, response.text
    ship(store)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tracking_uri", ["file", "server-sqlite"], indirect=True)
@pytest.mark.usefixtures("tracking_uri")
def test_lineage_and_card_know_the_whole_way_of_a_model(
    repository, do_git, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(repository)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    name, experiment = (f"{one}-{secrets.token_hex(4)}" for one in ("terrace", "rain"))
    log = f"sqlite:///{tmp_path}/log.db"
    make_days(2).to_csv(tmp_path / "later.csv", index=False)
    (tmp_path / "gate.toml").write_text('target = "wet"\n[quality]\nmargin = 0.02\n')
    train(name, experiment, 1, 0.0001)
    promote(name, 1, reason="the first")
    run_id, days, later = train(name, experiment, 2, 1.0)
    version, champion = f"models:/{name}/2", f"models:/{name}@champion"

    gate = ["gate", version, "--data", str(tmp_path / "later.csv")]
    files = ["--rules", tmp_path / "gate.toml", "--page", tmp_path / "gate.html"]
    assert main([*gate, *map(str, files)]) == 0, capsys.readouterr()
    promote(name, 2, reason="sees the clouds", require_gate=True, actor="ada")
    predict(champion, log)
    lineage = trace_lineage(champion, store=log)
    made = main(["card", "make", champion, "--to", str(tmp_path / "card.md")])

    assert lineage.is_complete, lineage.to_text()
    assert [(one.kind, one.title) for one in lineage.links] == [
        ("data", "days"),
        ("data", "later"),
        ("run", run_id),
        ("model", f"{name}, version 2"),
        ("alias", "champion"),
        ("predictions", "2"),
    ]
    facts = [one.facts for one in lineage.links]
    assert [one["SHA-256"] for one in facts[:2]] == [
        days.fingerprint.sha256,
        later.fingerprint.sha256,
    ]
    assert [one["used for"] for one in facts[:2]] == ["training", "test"]
    commit = do_git(repository, "rev-parse", "HEAD")
    assert (facts[2]["commit"], facts[2]["Git"]) == (commit, "clean")
    assert facts[2]["parameters"] == "C=1.0"
    assert facts[3]["gate"] == "pass"
    assert (facts[4]["actor"], facts[4]["reason"]) == ("ada", "sees the clouds")
    assert made == 0
    card = (tmp_path / "card.md").read_text("utf-8")
    assert "**Missing:**" not in card
    for text in (
        f"# Model card: {name}, version 2",
        f"| Git commit | {commit} |",
        f"| {days.address} | {days.fingerprint.sha256} | training | 400 |",
        f"| {later.address} | {later.fingerprint.sha256} | test | 400 |",
        f"Its last gate: **pass**, against {name} 1,",
        "| Peak memory | ",
    ):
        assert text in card
    metrics = card.partition("| Metric | Value |")[2].partition("\n\n")[0]
    accuracy = mlflow.get_run(run_id).data.metrics["accuracy"]
    assert metrics.splitlines()[2:] == [f"| accuracy | {accuracy:.6g} |"]


def test_a_run_that_only_measured_itself_has_no_metrics_on_its_card(
    mlflow_file,  # noqa: ARG001 - where it is
    repository,
    tmp_path,
    monkeypatch,
):
    monkeypatch.chdir(repository)
    with run() as active:
        learned = make_days(1)
        model = LogisticRegression().fit(learned[COLUMNS], learned["wet"])
        mlflow.sklearn.log_model(model, name="model", pip_requirements=[])

    address = f"runs:/{active.info.run_id}/model"
    main(["card", "make", address, "--to", str(tmp_path / "card.md")])

    card = (tmp_path / "card.md").read_text("utf-8")
    assert "**Missing:** the run has no metrics." in card
