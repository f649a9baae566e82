import sqlite3
from contextlib import closing

import pytest
import requests

from companion.errors import SettingError
from companion.tracking import mlflow_in_background
from companion.tracking.server import mark_ready, prepare_folder


def test_a_database_that_was_never_ready_is_made_anew(tmp_path):
    folder = tmp_path / "stack"
    prepare_folder(folder)
    (folder / "mlflow.db").write_text("half the tables")
    (folder / "mlflow.db-journal").touch()

    prepare_folder(folder)

    assert [path.name for path in folder.iterdir()] == ["mlflow.db.unfinished"]


def test_a_database_that_was_ready_once_stays(tmp_path):
    prepare_folder(tmp_path)
    (tmp_path / "mlflow.db").write_text("runs")
    mark_ready(tmp_path)

    prepare_folder(tmp_path)

    assert (tmp_path / "mlflow.db").read_text() == "runs"


def test_a_database_that_came_from_elsewhere_stays(tmp_path):
    (tmp_path / "mlflow.db").write_text("runs")

    prepare_folder(tmp_path)

    assert (tmp_path / "mlflow.db").read_text() == "runs"


def test_a_server_answers_and_keeps_its_runs_in_its_folder(tmp_path):
    folder = tmp_path / "mlflow"
    with mlflow_in_background(folder) as server:
        requests.post(
            f"{server.url}/api/2.0/mlflow/experiments/create",
            json={"name": "terrace"},
            timeout=30,
        ).raise_for_status()

    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        names = database.execute("select name from experiments order by 1").fetchall()
    assert names == [("Default",), ("terrace",)]
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    assert not server.running


def test_another_database_can_hold_the_runs(tmp_path):
    """The address may hold a password, so no argument of the program shows it."""
    database = tmp_path / "elsewhere.db"
    with mlflow_in_background(tmp_path / "m", backend=f"sqlite:///{database}") as one:
        shown = " ".join(one.command)
        requests.get(f"{one.url}/version", timeout=30).raise_for_status()

    assert database.exists()
    assert not (tmp_path / "m" / "mlflow.db").exists()
    assert str(database) not in shown


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").touch()

    with pytest.raises(SettingError, match=r"taken cannot be used: .*Choose another"):
        mlflow_in_background(tmp_path / "taken")
