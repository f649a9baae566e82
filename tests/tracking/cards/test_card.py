"""Cards of models that MLflow has really logged."""

import re
import secrets
import warnings
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from companion.cli import main
from companion.errors import DataError, ModelError, TrackingError
from companion.monitoring.intervals import Interval
from companion.tracking import training_metadata, write_model_card
from companion.tracking.cards.blocks import make_blocks
from companion.tracking.cards.facts import read_facts
from companion.tracking.data import fingerprint
from companion.tracking.gates.records import record_verdict
from companion.tracking.gates.verdict import Comparison, Contestant, Slice, Verdict

FEATURES = pd.DataFrame({"rain_mm": [0.0, 1.5, 7.0, None], "note": list("abab")})
SHA = "0f" * 32


def log_model(name):
    """Log and register a model as people do, with data for training and for a test."""
    from companion.system.mlflow import load_mlflow

    mlflow = load_mlflow("The tests")
    numbers = FEATURES[["rain_mm"]]
    model = LogisticRegression().fit(numbers.fillna(0), [0, 0, 1, 0])
    mlflow.set_experiment(name)
    with (
        warnings.catch_warnings(),
        mlflow.start_run(run_name="first try", description="Why") as run,
    ):
        warnings.simplefilter("ignore")
        mlflow.log_params({"C": "0.3*|x_y", "penalty": "<b>l2</b>"})
        mlflow.log_metric("brier", 0.123456789)
        mlflow.set_tags({"mlflow.source.git.commit": "abc123", "other": "hidden"})
        for context, rows in (("training", 4), ("test", 2)):
            data = mlflow.data.from_pandas(FEATURES[:rows], name=f"w-{context}")
            mlflow.log_input(data, context, tags={"companion.data.sha256": SHA})
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(numbers, [0, 1]),
            pip_requirements=["scikit-learn>=1.5"],
            registered_model_name=name,
            metadata=training_metadata(numbers),
        )
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "champion", "1")
    client.update_model_version(name, "1", "Words for *all*")
    return SimpleNamespace(
        name=name, run_id=run.info.run_id, model_id=info.model_id, client=client
    )


def record_gate(name, data=None):
    """Record a verdict as `companion gate` does."""

    def difference(mean):
        return Interval(mean=mean, low=mean - 0.01, high=mean + 0.01, level=0.9)

    def contestant(version):
        return Contestant(
            name=name,
            version=version,
            size_bytes=1,
            latency_ms=(),
            reliability=(),
            calibration_error=None,
        )

    verdict = Verdict(
        outcome="pass",
        challenger=contestant("1"),
        champion=contestant("0"),
        task="classes",
        n_rows=400,
        quality=Comparison(
            title="Brier score",
            unit="",
            challenger=difference(0.1),
            champion=difference(0.13),
            difference=difference(-0.03),
            margin=0.02,
        ),
        cost=None,
        slices=[
            Slice(
                column="season",
                value="dry_days",
                n_rows=90,
                difference=difference(0.004),
                outcome="unclear",
            )
        ],
        checks=(),
        rules={},
    )
    return record_verdict(verdict, page="", facts={}, name=name, version="1", data=data)


def new_name():
    return f"rain-{secrets.token_hex(4)}"


def table_of(block):
    """Map the first cell of each row to the others."""
    rows = [line.strip("| ").split(" | ") for line in block.splitlines() if "|" in line]
    return {cells[0]: cells[1:] for cells in rows}


@pytest.mark.usefixtures("tracking_uri")
def test_a_card_tells_what_the_run_and_the_registry_know():
    model = log_model(new_name())
    gate = record_gate(model.name)

    blocks = make_blocks(read_facts(f"models:/{model.name}@champion"))

    assert blocks["title"] == f"# Model card: {model.name}, version 1"
    details = table_of(blocks["details"])
    assert details["Kind"][0].startswith("sklearn 1.")
    (libraries,) = details["Libraries"]
    assert re.fullmatch(r"mlflow==[\d.]+, scikit-learn\\>=1\.5", libraries)
    assert details["Aliases"] == ["champion"]
    assert details["Description"] == ["Words for \\*all\\*"]
    assert details["Tag companion.gate"] == ["pass"]
    assert details["Run"] == [f"first try ({model.run_id})"]
    assert details["Description of the run"] == ["Why"]
    assert details["Git commit"] == ["abc123"]
    assert details["C"] == ["0.3\\*\\|x\\_y"]
    assert details["penalty"] == ["\\<b\\>l2\\</b\\>"]
    assert "hidden" not in blocks["details"]
    assert table_of(blocks["metrics"])["brier"] == ["0.123457"]
    gated = blocks["metrics"]
    assert f"last gate: **pass**, against {model.name} 0, by the Brier score" in gated
    assert f"`runs:/{gate}/gate.html`" in gated
    compared = table_of(gated)
    assert compared["Rows"] == ["Number", "Difference", "90% interval", "Outcome"]
    assert compared["All rows"][:3] == ["400", "-0.03", "-0.04 to -0.02"]
    dry = ["90", "+0.004", "-0.006 to +0.014", "unclear"]
    assert compared["season: dry\\_days"] == dry
    assert table_of(blocks["training"])["w-training"] == [SHA, "training", "4"]
    assert table_of(blocks["evaluation"])["w-test"] == [SHA, "test", "2"]
    columns = table_of(blocks["training"])["rain\\_mm"]
    assert columns == ["double, optional", "from -3.5 to 10.5", "1 of 4"]
    assert "**Missing:**" not in "".join(blocks.values())


@pytest.mark.usefixtures("mlflow_file")
def test_all_addresses_lead_to_the_same_run():
    model = log_model(new_name())
    addresses = (
        f"models:/{model.name}/1",
        f"models:/{model.model_id}",
        f"runs:/{model.run_id}/model",
    )

    found = [read_facts(address) for address in addresses]

    assert {one.run.info.run_id for one in found} == {model.run_id}
    assert [one.conf["model_id"] for one in found] == [model.model_id] * 3
    assert found[0].title == f"{model.name}, version 1"


@pytest.mark.usefixtures("mlflow_file")
def test_a_run_that_says_little_has_its_gaps_named(rain_model, tmp_path):
    """A folder logged as files: no parameters, data, metrics or commit."""
    from companion.system.mlflow import load_mlflow

    mlflow = load_mlflow("The tests")
    mlflow.set_experiment("bare")
    client = mlflow.MlflowClient()
    run = client.create_run(client.get_experiment_by_name("bare").experiment_id)
    client.log_artifacts(run.info.run_id, str(rain_model), "model")
    client.create_registered_model("bare")
    client.create_model_version(
        "bare", f"runs:/{run.info.run_id}/model", run.info.run_id
    )

    blocks = make_blocks(read_facts("models:/bare/1"))

    assert "**Missing:** the run does not name the commit" in blocks["details"]
    assert "**Missing:** the run has no parameters" in blocks["details"]
    assert "**Missing:** the run names no data for training" in blocks["training"]
    assert "**Missing:** the run names no data for evaluation" in blocks["evaluation"]
    assert "**Missing:** the run has no metrics" in blocks["metrics"]

    rows = tmp_path / "rows.csv"
    rows.write_text("rain_mm,wet\n0,0\n7,1\n")
    record_gate("bare", rows)
    judged = make_blocks(read_facts("models:/bare/1"))["evaluation"]

    assert "**Missing:**" not in judged
    assert table_of(judged)["rows.csv"] == [fingerprint(rows).sha256, "gate", "2"]


@pytest.mark.usefixtures("mlflow_file")
def test_a_gate_that_is_gone_is_missing():
    model = log_model(new_name())
    address = f"models:/{model.name}/1"
    assert (
        f"Run `companion gate {address} --data FILE`."
        in (make_blocks(read_facts(address))["metrics"])
    )
    model.client.set_model_version_tag(model.name, "1", "companion.gate.run", "a1b2")

    assert (
        "its last gate, run a1b2, cannot be read"
        in (make_blocks(read_facts(address))["metrics"])
    )


def test_a_folder_without_a_run_needs_no_store(rain_model, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    blocks = make_blocks(read_facts(rain_model))

    assert blocks["title"] == "# Model card: rain, version 3"
    assert "**Missing:** the model was saved outside of a run." in blocks["metrics"]
    assert table_of(blocks["training"])["temp\\_c"] == [
        "double",
        "from -30 to 50",
        "0 of 300",
    ]


def test_a_folder_whose_run_cannot_be_looked_up_says_why(
    rain_model, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    conf = yaml.safe_load((rain_model / "MLmodel").read_text())
    conf["run_id"] = "a1b2"
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(conf))

    blocks = make_blocks(read_facts(tmp_path))

    assert "run a1b2 could not be looked up: No MLflow server" in blocks["metrics"]
    assert "**Missing:** the model names no libraries" in blocks["details"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("models:/none@champion", "Give a folder"),
        ("models:/none/1", "not found. Give a folder"),
        ("models:/none", "Give a folder"),
        ("runs:/0123/model", "not found. Give a folder"),
        ("/no/such/folder", "is no model folder: MLmodel cannot be read"),
    ],
)
@pytest.mark.usefixtures("mlflow_file")
def test_an_address_without_a_model_is_refused(address, said):

    with pytest.raises(ModelError, match=said):
        read_facts(address)


@pytest.mark.usefixtures("mlflow_state")
def test_an_address_of_a_store_that_is_down_is_refused(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    with pytest.raises(TrackingError, match="No MLflow server answers"):
        read_facts("models:/rain@champion")


@pytest.mark.parametrize(
    "content", ["- a list", "flavors: {", "flavors: {}\nsignature: {inputs: '['}"]
)
def test_a_broken_mlmodel_is_refused(tmp_path, content):
    (tmp_path / "MLmodel").write_text(content)

    with pytest.raises(ModelError, match="again"):
        read_facts(tmp_path)


def test_the_command_writes_renews_and_checks(rain_model, tmp_path, capsys):
    path = tmp_path / "card.md"
    assert main(["card", "make", str(rain_model), "--to", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"Written: {path}, {tmp_path / 'card.html'}.\n"
        "16 questions are for a person to answer. Search for TODO, or ask "
        f"`companion card check {path}`.\n"
    )
    assert main(["card", "check", str(path)]) == 1
    assert "\n  Model details: License. Under which terms" in capsys.readouterr().out
    lines = path.read_text().splitlines()
    text = "\n".join("Ours." if line.startswith("TODO:") else line for line in lines)
    path.write_text(text.replace("rain, version 3", "rain, version 2"))

    assert main(["card", "make", str(rain_model), "--to", str(path)]) == 0

    assert capsys.readouterr().out == (
        f"Renewed: {path}, {tmp_path / 'card.html'}.\n"
        "It was: Model card: rain, version 2. Read again what was written for that "
        "one.\n"
    )
    assert path.read_text().count("Ours.") == 16
    assert (tmp_path / "card.html").read_text().count("<p>Ours.</p>") == 16
    assert main(["card", "check", str(path)]) == 0
    assert capsys.readouterr().out == "Nothing is left to write.\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["card.html", "card.md"]


def test_a_file_that_is_no_card_stays_as_it_is(rain_model, tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("mine")

    with pytest.raises(DataError, match="no place for the facts"):
        write_model_card(rain_model, path)

    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "said"),
    [("card.txt", r"called \*\.md"), ("none/card.md", "cannot be written: No such")],
)
def test_a_place_that_cannot_be_written_is_refused(rain_model, tmp_path, name, said):
    with pytest.raises(DataError, match=said):
        write_model_card(rain_model, tmp_path / name)


def test_checking_a_file_that_is_not_there_says_how_to_make_one(tmp_path, capsys):
    assert main(["card", "check", str(tmp_path / "none.md")]) == 1

    assert "cannot be read: No such file" in capsys.readouterr().err
