"""Programs that are really run again, from a real repository and a real MLflow."""

import json
import os
import secrets

import mlflow
import pytest

from companion.cli import main
from companion.errors import ReproduceError
from companion.tracking import promote, reproduce
from companion.tracking.data import DataStore

ON_A_FILE = pytest.mark.parametrize("tracking_uri", ["file"], indirect=True)


def runs_of(experiment):
    found = mlflow.search_runs(experiment_names=[experiment], output_format="list")
    return {(one.info.run_name, *one.data.params.values()): one for one in found}


@pytest.mark.parametrize("tracking_uri", ["file", "server-sqlite"], indirect=True)
def test_a_clean_clone_gives_the_same_to_the_last_digit(
    project, train, add_days, do_git, capsys
):
    """What came after the run, in code and data, and what was registered, stays out."""
    name = f"terrace-{secrets.token_hex(4)}"
    experiment = train(model=name)
    promote(name, 1, reason="the first")
    do_git(project, "remote", "add", "origin", "https://example.org/rain.git")
    (project / "src" / "helpers.py").write_text("RATE = 0.5\n")
    do_git(project, "commit", "--all", "--message=faster")
    add_days(1.0)
    clone = project.parent / "clone"
    do_git(project, "clone", "--quiet", str(project), str(clone))

    code = main(["reproduce", f"models:/{name}@champion", "--repo", str(clone)])

    out, err = capsys.readouterr()
    assert code == 0, out + err
    assert out.endswith(
        "\nThe same to the last digit: 1 metric (5 values), 1 parameter, 1 dataset.\n"
    )
    (recorded,) = runs_of(experiment).values()
    assert f"training ({recorded.info.run_id})\n" in out
    assert f"model    {name}, version 1\n" in out
    assert f"command  python train.py {experiment} {name}\n" in out
    assert "data     days@" in out
    assert "Differs in the environment" not in out
    # Nothing of it is in the user's stores and clone.
    client = mlflow.MlflowClient()
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    assert len(DataStore().versions()) == 2
    assert do_git(clone, "worktree", "list").count("\n") == 0
    assert do_git(clone, "status", "--porcelain") == ""


@ON_A_FILE
def test_what_deviates_is_a_table_after_what_differs_in_the_environment(
    train, tmp_path, monkeypatch, capsys
):
    (tmp_path / "old" / "rain_tools-1.2.dist-info").mkdir(parents=True)
    with monkeypatch.context() as then:
        then.setenv("PYTHONPATH", str(tmp_path / "old"), prepend=os.pathsep)
        experiment = train("timed", "nested")
    runs = runs_of(experiment)
    first = runs["training", "0.01"].info.run_id

    code = main(["reproduce", f"runs:/{first}"])
    text = capsys.readouterr().out

    assert code == 3
    differs = "Differs in the environment (recorded → now):\n    rain-tools  "
    assert f"{differs}       1.2 → none\n" in text
    lines = text.split("\nNot the same:\n")[1].splitlines()
    assert lines[0].split() == [
        *("what", "name", "step", "recorded", "again", "difference")
    ]
    recorded = runs["training", "0.01"].data.metrics["fit_seconds"]
    assert lines[1].split()[:4] == ["metric", "fit_seconds", "0", repr(recorded)]
    assert len(lines) == 2


@ON_A_FILE
def test_a_later_run_of_its_program_is_compared_with_the_same_one(project, train):
    """The changes that were not committed are part of it."""
    (project / "src" / "helpers.py").write_text("RATE = 0.25\n")
    runs = runs_of(train("nested"))
    (last,) = (one for key, one in runs.items() if key[1:] == ("1.0",))
    (project / "src" / "helpers.py").write_text("RATE = oops\n")

    found = reproduce(f"runs:/{last.info.run_id}")
    outer = reproduce(f"runs:/{runs['training', '0.25'].info.run_id}")

    assert found.is_same
    assert found.compared.n_metrics == found.compared.n_params == 1
    assert found.compared.n_datasets == 0
    assert found.verified[0].startswith("days@")
    assert outer.is_same
    assert "were not committed; they are applied" in outer.notes[0]


@ON_A_FILE
def test_a_program_that_needs_what_git_did_not_track_fails_with_its_last_lines(
    project, train
):
    (project / "src" / "notes.txt").write_text("wet")
    (one,) = runs_of(train("untracked")).values()

    with pytest.raises(ReproduceError, match="exit code 1 this time") as caught:
        reproduce(f"runs:/{one.info.run_id}")

    assert "No such file or directory: 'notes.txt'" in str(caught.value)
    assert "Git did not track 1 of the files then, and the checkout" in str(
        caught.value
    )


@ON_A_FILE
def test_a_program_with_an_address_of_its_own_writes_nothing_there(
    train, tracking_uri, monkeypatch
):
    monkeypatch.setenv("OWN_ADDRESS", tracking_uri)
    experiment = train("own-address")
    ((_, one),) = runs_of(experiment).items()

    with pytest.raises(ReproduceError, match="sets MLflow's address itself, sqlite:"):
        reproduce(f"runs:/{one.info.run_id}")

    assert len(runs_of(experiment)) == 1


@ON_A_FILE
def test_a_package_in_editable_mode_is_imported_as_it_was(
    project, train, do_git, monkeypatch, capsys
):
    """Its folder is on the path of every program, with what is in it now."""
    package = project / "lib" / "rates"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("RATE = 0.125\n")
    (project / "src" / "helpers.py").write_text("from rates import RATE\n")
    do_git(project, "add", ".")
    do_git(project, "commit", "--message=package")
    monkeypatch.setenv("PYTHONPATH", str(project / "lib"), prepend=os.pathsep)
    ((_, one),) = runs_of(train("timed")).items()
    (package / "__init__.py").write_text("RATE = 0.5\n")

    code = main(
        ["reproduce", f"runs:/{one.info.run_id}", "--ignore", "fit_*", "--json"]
    )

    found = json.loads(capsys.readouterr().out)
    assert code == 0, found
    assert (found["same"], found["n_metrics"], found["deviations"]) == (True, 1, [])
    assert one.data.params == {"rate": "0.125"}
