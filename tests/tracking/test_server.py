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
