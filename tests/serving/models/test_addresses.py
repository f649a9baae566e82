import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import platformdirs
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from companion.contract.notes import CompanionNotes
from companion.errors import ModelError
from companion.serving.models.addresses import resolve_model
from companion.system import tracking_stores

# Asking MLflow for what a test expects warns, as MLflow's SQL is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
DATA = pd.DataFrame({"area": [1.0, 2.0, 3.0]})
NOTES = CompanionNotes(name="flats", version="2024-05")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A tracking store with a run, and two versions of one model in the registry."""
    root = tmp_path_factory.mktemp("tracking")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.chdir(root)
        client = mlflow.MlflowClient()
        experiment = client.create_experiment("e", (root / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            infos = [
                mlflow.sklearn.log_model(
                    LinearRegression().fit(DATA, DATA["area"] * factor),
                    name=f"model{factor}",
                    signature=infer_signature(DATA, DATA["area"]),
                    pip_requirements=[],
                    registered_model_name="prices",
                    metadata=NOTES.to_metadata() if factor == 2 else None,
                )
                for factor in (1, 2)
            ]
            mlflow.log_text("no model", "notes/text.txt")
        client.set_registered_model_alias("prices", "champion", 1)
        client.set_registered_model_alias("prices", "next", 2)
        client.create_registered_model("empty")
    ids = [info.model_id for info in infos]
    return SimpleNamespace(root=root, uri=uri, run=run.info.run_id, ids=ids)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    return tmp_path / "models"


@pytest.fixture
def store(stored, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stored.uri)
    return stored


def test_a_folder_and_its_mlmodel_file_are_the_same_model(stored):
    (folder,) = (stored.root / "artifacts").rglob(f"{stored.ids[0]}/artifacts")

    found = resolve_model(folder)

    assert (found.path, found.name, found.version) == (folder, None, None)
    assert resolve_model(str(folder / "MLmodel")) == found


@pytest.mark.parametrize(
    "name", ["models:x", "runs-3", "my@model", "m-1", "C:", "maison à côté 1"]
)
def test_a_folder_whose_name_looks_like_an_address_is_a_folder(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    assert resolve_model(name).path == tmp_path / name


def test_a_folder_is_found_without_mlflow():
    code = (
        "import sys; from companion.serving.models.addresses import resolve_model;"
        "resolve_model('some/folder'); assert 'mlflow' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("address", "model", "called"),
    [
        ("models:/prices@champion", 0, "prices 1"),
        ("models:/prices/1", 0, "prices 1"),
        ("models:/prices@next", 1, "prices 2"),
        ("models:/prices/2/", 1, "prices 2"),
        ("models:/prices/latest", 1, "prices 2"),
        ("models:/{ids[0]}", 0, "model1 {ids[0]}"),
        ("models:/{ids[1]}", 1, "flats 2024-05"),
        ("runs:/{run}/model1", 0, "model1 {ids[0]}"),
        ("runs:/{run}/model2", 1, "flats 2024-05"),
    ],
)
def test_a_model_is_found_and_named_by_registry_or_run(
    address, model, called, store, cache
):
    found = resolve_model(address.format_map(vars(store)))

    assert found.path == cache / store.ids[model]
    assert f"{found.name} {found.version}" == called.format_map(vars(store))
    loaded = mlflow.pyfunc.load_model(str(found.path))
    assert loaded.predict(DATA) == pytest.approx(
        [model + 1, 2 * model + 2, 3 * model + 3]
    )
    assert [path.name for path in cache.iterdir()] == [store.ids[model]]


@pytest.mark.usefixtures("store")
def test_an_alias_that_moves_leads_to_another_model():
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("prices", "moving", 1)
    before = resolve_model("models:/prices@moving")
    client.set_registered_model_alias("prices", "moving", 2)

    after = resolve_model("models:/prices@moving")
    client.delete_registered_model_alias("prices", "moving")

    assert (before.version, after.version) == ("1", "2")
    assert before.path != after.path


def test_a_model_is_brought_once_and_its_store_is_left_alone(store, monkeypatch):
    before = sorted((store.root / "artifacts").rglob("*"))
    first = resolve_model("models:/prices/1")
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", None)

    assert resolve_model("models:/prices@champion").path == first.path
    assert sorted((store.root / "artifacts").rglob("*")) == before


def test_files_of_a_run_that_change_are_brought_again(store):
    """What MLflow 2 logged is no logged model: its files may be written anew."""
    (folder,) = (store.root / "artifacts").rglob(f"{store.ids[0]}/artifacts")
    client = mlflow.MlflowClient()
    client.log_artifacts(store.run, str(folder), "old/model")
    address = f"runs:/{store.run}/old/model"
    first = resolve_model(address)
    client.log_text(store.run, "changed", "old/model/requirements.txt")

    second = resolve_model(address)

    assert (first.name, first.version) == ("model", store.run)
    assert (second.path / "requirements.txt").read_text() == "changed"
    assert (first.path / "requirements.txt").read_text() != "changed"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("models:/prices@other", r"no alias 'other'; its aliases are champion, next\."),
        ("models:/empty@x", r"no alias 'x'; its aliases are none\."),
        ("models:/prices/7", r"no version 7; its newest is 2\."),
        ("models:/empty/latest", r"no version latest; its newest is none\."),
        ("models:/nothing/1", r"has no model 'nothing'; it has empty, prices\."),
        ("models:/it's@x", 'has no model "it\'s"'),
        ("models:/m-00000000000000000000000000000000", "has no model m-0"),
        ("models:/prices/Production", "Stages such as Production"),
        ("models:/prices", "is not the address of a model"),
        ("models:/prices@", "is not the address of a model"),
        ("models:/@champion", "is not the address of a model"),
        ("models:/", "is not the address of a model"),
        ("models:/prices/1/inside", "is not the address of a model"),
        ("runs:/", "names no run"),
        ("runs:/0123/model", "has no run 0123"),
        ("runs:/{run}", "has no model ''; it has runs:/{run}/model1, runs:/{run}/m"),
        ("runs:/{run}/nothing", "has no model 'nothing'; it has runs:/{run}/model1"),
        ("runs:/{run}/notes", "has no file MLmodel"),
        ("s3://bucket/model", "is an address that is not served"),
        ("file:///nowhere", "is an address that is not served"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence_with_a_remedy(
    address, message, store, cache
):
    with pytest.raises(ModelError, match=message.format_map(vars(store))) as caught:
        resolve_model(address.format_map(vars(store)))

    assert "\n" not in str(caught.value)
    assert re.search(r"[.;] (Give|Set) ", str(caught.value))
    assert not cache.exists() or not list(cache.iterdir())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:{port}",
        "http://me:secret@127.0.0.1:{port}/",
        "postgresql://me:secret@127.0.0.1:{port}/mlflow",
        "postgresql+psycopg://me:secret@127.0.0.1:{port}/mlflow",
        "mysql+pymysql://me:secret@127.0.0.1:{port}/mlflow",
    ],
)
def test_a_server_that_is_down_is_said_at_once(uri, monkeypatch):
    """MLflow itself would try for minutes."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=free_port()))
    begin = time.monotonic()

    with pytest.raises(ModelError, match=r"answers at .*refused.*Start it") as caught:
        resolve_model("models:/prices@champion")

    assert time.monotonic() - begin < 5
    assert "secret" not in str(caught.value)


def test_a_server_that_hangs_is_said_after_seconds(monkeypatch):
    monkeypatch.setattr(tracking_stores, "_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

        with pytest.raises(ModelError, match=r"did not answer within 0\.3 seconds"):
            resolve_model("models:/prices@champion")


@pytest.mark.usefixtures("store")
def test_the_registry_may_be_elsewhere(monkeypatch):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(ModelError, match="No MLflow server answers"):
        resolve_model("models:/prices@champion")


def test_no_store_is_made_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    with pytest.raises(ModelError, match=r"There is no tracking store .*mlflow\.db"):
        resolve_model("models:/prices@champion")

    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_program_is_not_written_to(tmp_path, monkeypatch):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")

    with pytest.raises(ModelError, match="is not a tracking store of MLflow's"):
        resolve_model("models:/prices@champion")

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "text.db"
    path.write_text("no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")

    with pytest.raises(ModelError, match="file is not a database"):
        resolve_model("models:/prices@champion")


@pytest.mark.parametrize(
    ("revision", "advice"),
    [
        ("451aebb31d03", "of an older version.*mlflow db upgrade"),
        ("feedfeedfeed", "of a newer version.*Install"),
    ],
)
def test_a_store_of_another_version_is_told_from_a_newer_one(
    revision, advice, stored, tmp_path, monkeypatch
):
    path = shutil.copy(stored.root / "mlflow.db", tmp_path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")

    with pytest.raises(ModelError, match=advice):
        resolve_model("models:/prices@champion")


@pytest.mark.usefixtures("store")
def test_a_cache_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "file"
    )

    with pytest.raises(ModelError, match=r"cannot be kept in .*XDG_CACHE_HOME"):
        resolve_model("models:/prices@champion")


def test_files_that_are_lost_are_said(stored, tmp_path, monkeypatch):
    """The registry has the version, its files are gone."""
    root = Path(shutil.copytree(stored.root, tmp_path / "copy"))
    path = root / "mlflow.db"
    with closing(sqlite3.connect(path)) as database, database:
        gone = (tmp_path / "gone").as_uri()
        database.execute("UPDATE logged_models SET artifact_location = ?", [gone])
        database.execute("UPDATE model_versions SET storage_location = ?", [gone])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")

    with pytest.raises(ModelError, match=r"has no file MLmodel.*files are lost"):
        resolve_model("models:/prices/1")
