"""`companion gate`, in the shell and with a registry."""

import json
import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from companion.cli import main
from companion.tracking import save_model_folder
from companion.tracking.data import DataStore, find_uses

RULES = """
target = "wet"
[quality]
margin = 0.02
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model that looks at the clouds, and one that looks at noise."""
    rng = np.random.default_rng(8)
    features = pd.DataFrame(rng.normal(size=(600, 2)), columns=["clouds", "noise"])
    wet = (features["clouds"] + rng.normal(size=600) > 0).astype(int)
    shuffled = features.assign(clouds=rng.permutation(features["clouds"]))
    root = tmp_path_factory.mktemp("models")
    for name, inputs in (("good", features), ("bad", shuffled)):
        save_model_folder(
            LogisticRegression().fit(inputs, wet),
            root / name,
            name=name,
            version="1",
            features=features,
        )
    return root


@pytest.fixture
def place(models, tmp_path, monkeypatch):
    """A folder with rules and rows in it, in which the command runs."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(rng.normal(size=(400, 2)), columns=["clouds", "noise"])
    rows["wet"] = (rows["clouds"] + rng.normal(size=400) > 0).astype(int)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "gate.toml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return models


def gate(challenger, *arguments):
    return main(["gate", str(challenger), "--data", "rows.csv", *arguments])


def test_a_pass_is_0_and_writes_page_and_evidence(place, tmp_path, capsys):
    code = gate(place / "good", "--against", str(place / "bad"))

    out = capsys.readouterr().out
    assert code == 0, out
    assert "Challenger good, version 1 against champion bad, version 1" in out
    assert re.search(r"^pass +quality: Brier score, .*; expected upper end", out, re.M)
    assert "Passed: the challenger may take the champion's place." in out
    assert "<h1" in (tmp_path / "gate.html").read_text("utf-8")
    evidence = json.loads((tmp_path / "gate.json").read_text("utf-8"))
    assert evidence["outcome"] == "pass"
    assert evidence["facts"]["data"] == "rows.csv"
    assert len(evidence["facts"]["data_sha256"]) == 64


def test_a_broken_rule_is_3(place, capsys):
    code = gate(place / "bad", "--against", str(place / "good"))

    out = capsys.readouterr().out
    assert code == 3
    assert re.search(r"^FAIL +quality: Brier score", out, re.M)
    assert "Refused: the challenger breaks a rule." in out


def test_too_few_rows_to_tell_are_4(place, tmp_path, capsys):
    """400 rows are eight blocks of 50, and eight say nothing about a mean."""
    (tmp_path / "gate.toml").write_text(f"{RULES}block_rows = 50")

    code = gate(place / "good", "--against", str(place / "bad"))

    assert code == 4
    assert "Not proven: too few rows to tell." in capsys.readouterr().out


def test_the_evidence_as_json_is_all_that_is_printed(place, capsys):
    code = gate(place / "good", "--against", str(place / "bad"), "--json")

    printed = capsys.readouterr()
    assert code == 0
    assert json.loads(printed.out)["quality"]["title"] == "Brier score"
    assert "Page: gate.html" in printed.err


def test_the_page_goes_where_it_is_wanted(place, tmp_path):
    arguments = ("--against", str(place / "bad"), "--page", "out/verdict.html")

    assert gate(place / "good", *arguments) == 0
    assert (tmp_path / "out" / "verdict.html").exists()
    assert (tmp_path / "out" / "verdict.json").exists()
    assert not (tmp_path / "gate.html").exists()


def test_a_page_that_cannot_be_written_is_named(place, capsys):
    arguments = ("--against", str(place / "bad"), "--page", "rows.csv/gate.html")

    assert gate(place / "good", *arguments) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_names_that_would_control_the_terminal_are_shown_as_text(
    place, tmp_path, capsys
):
    rows = pd.read_csv(tmp_path / "rows.csv", dtype=str)
    rows.loc[0, "wet"] = "\x1b[31mred"
    rows.to_csv(tmp_path / "rows.csv", index=False)

    gate(place / "good", "--against", str(place / "bad"))

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "?[31mred" in out


def test_a_folder_alone_has_no_champion(place, capsys):
    assert gate(place / "good") == 2
    assert "not in a registry" in capsys.readouterr().err


def test_a_model_is_not_its_own_challenger(place, capsys):
    assert gate(place / "good", "--against", str(place / "good")) == 1
    assert "are the same model, good, version 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ("gate.toml", "There is no file of rules gate.toml"),
        ("rows.csv", "There is no file rows.csv"),
    ],
)
def test_a_file_that_is_missing_is_named(lost, expected, place, tmp_path, capsys):
    (tmp_path / lost).unlink()

    assert gate(place / "good", "--against", str(place / "bad")) == 1
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", "Error tokenizing data"),
        ("rows.csv", b"\x8e\xff", "'utf-8' codec can't decode"),
        ("rows.csv", b"", "No columns to parse from file"),
        ("rows.parquet", b"no", "Could not open Parquet input source"),
    ],
)
def test_a_file_that_is_no_table_is_named_before_the_library_speaks(
    name, content, reason, place, capsys
):
    Path(name).write_bytes(content)

    code = gate(place / "good", "--against", str(place / "bad"), "--data", name)

    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith(
        f"Error: {name} holds no table. Give a CSV file with a line of names, or a "
        f"Parquet file called *.parquet. The reason: {reason}"
    )
    assert said.count("\n") == 1
    assert ".." not in said


def register(folder, name="rain"):
    """Register a saved folder as the next version."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    return client.create_model_version(name, source=str(folder)).version


@pytest.mark.usefixtures("mlflow_file")
def test_the_champion_of_the_registry_is_found_and_the_verdict_kept(place, capsys):
    client = mlflow.MlflowClient()
    champion, challenger = register(place / "bad"), register(place / "good")
    client.set_registered_model_alias("rain", "champion", champion)

    code = gate(f"models:/rain/{challenger}")

    out = capsys.readouterr().out
    assert code == 0, out
    assert "Challenger rain, version 2 against champion rain, version 1" in out
    tags = client.get_model_version("rain", challenger).tags
    assert tags["companion.gate"] == "pass"
    assert tags["companion.gate.against"] == "rain, version 1"
    run = client.get_run(tags["companion.gate.run"])
    assert run.data.tags["companion.gate.champion_address"] == "models:/rain@champion"
    assert f"Recorded on version 2 of rain, run {run.info.run_id}." in out
    assert "companion.gate" not in client.get_model_version("rain", champion).tags
    version, _ = DataStore("store").add("rows.csv", name="recent")
    (use,) = find_uses(version)
    assert (use.run_id, use.context) == (run.info.run_id, "gate")
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "rows.csv"
    assert json.loads(used.dataset.profile)["num_rows"] == version.fingerprint.n_rows


@pytest.mark.usefixtures("mlflow_file")
def test_a_challenger_behind_an_alias_is_judged_and_the_registry_left_alone(place):
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("rain", "champion", register(place / "good"))
    challenger = register(place / "bad")
    client.set_registered_model_alias("rain", "challenger", challenger)

    assert gate("models:/rain@challenger", "--no-record") == 3

    assert client.get_model_version("rain", challenger).tags == {}
    assert client.get_experiment_by_name("companion.gate/rain") is None


@pytest.mark.usefixtures("mlflow_file")
def test_a_registry_without_a_champion_says_so(place, capsys):
    version = register(place / "good")

    assert gate(f"models:/rain/{version}") == 1
    assert "'rain' has no alias 'champion'" in capsys.readouterr().err
