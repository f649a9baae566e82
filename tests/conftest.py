"""What tests of several parts share: real model folders, made once a session.

Also, which servers of language models a test may see.
"""

import contextlib
import os
import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import use_server as use_mlflow_server
from postgresql_server import Server, use_server, why_none

# A PostgreSQL server to use instead of one that the tests start.
GIVEN_POSTGRESQL = os.environ.get("COMPANION_TEST_POSTGRESQL")
RAIN_COLUMNS = ("rain_mm", "temp_c", "wind_ms")
RAIN_ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
# Real servers started and killed, environments made: seconds for each test.
SLOW = (
    "book/test_broken_copies.py",
    "book/test_mathml_formulas.py",
    "book/test_own_model.py",
    "book/test_run_chapters.py",
    "commands/test_llm.py",
    "commands/test_train.py",
    "commands/test_up.py",
    "databases/test_mlflow_server.py",
    "llm/local/",
    "serving/batch/test_killed.py",
    "serving/run/",
    "serving/test_any_body.py",
    "serving/models/test_addresses_on_a_server.py",
    "serving/test_mlflow_compatibility.py",
    "serving/test_schemathesis.py",
    "store/shipping/test_backlog.py",
    "store/shipping/test_faults.py",
    "store/shipping/test_killed.py",
    "store/shipping/test_recount.py",
    "tracking/registry/test_races.py",
    "tracking/reproducing/test_reproduce.py",
    "test_image.py",
    "test_wheel.py",
    "tracking/runs/test_unusable_stores.py",
    "tracking/test_whole_way.py",
)

# A conversion to ONNX takes seconds for each new model: tests of the engine ask for it.
os.environ["COMPANION_ENGINE"] = "native"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `-m "not slow"` leaves out.

    Also all that needs the book, or a server of MLflow's.
    """
    here = Path(__file__).parent
    for item in items:
        in_tests = item.path.is_relative_to(here)
        place = item.path.relative_to(here).as_posix() if in_tests else ""
        marked = item.get_closest_marker("built") or item.get_closest_marker("browser")
        fixtures = getattr(item, "fixturenames", ())
        params = item.callspec.params if hasattr(item, "callspec") else {}
        uses_server = "mlflow_server" in fixtures or str(
            params.get("tracking_uri")
        ).startswith("server")
        if marked or uses_server or "small_book" in fixtures or place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each file to one worker, and all that time a server's end to the same."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "servers" if file.startswith("tests/serving/run/") else file

    return Scheduling(config, log)


def _shared_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.getbasetemp()
    # That of the whole run of pytest-xdist, not of this worker.
    return folder.parent if hasattr(request.config, "workerinput") else folder


@pytest.fixture(scope="session")
def postgresql_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The address of a PostgreSQL server for all tests, in its first database."""
    if GIVEN_POSTGRESQL:
        return GIVEN_POSTGRESQL
    if reason := why_none():
        pytest.skip(reason)
    return use_server(_shared_folder(request, tmp_path_factory) / "postgresql").url


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[Server]:
    """A PostgreSQL server that this test may stop and start."""
    if reason := why_none():
        pytest.skip(reason)
    server = use_server(tmp_path / "postgresql")
    yield server
    server.leave()


@pytest.fixture
def new_database(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of an empty database in PostgreSQL."""
    psycopg = pytest.importorskip("psycopg")

    # By default it would be a folder in the home of whoever runs the tests.
    monkeypatch.setenv("COMPANION_JOURNAL", str(tmp_path / "journal"))
    name = f"companion_test_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        start, mark, query = postgresql_url.partition("?")
        yield f"{start.rpartition('/')[0]}/{name}{mark}{query}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address at which nothing is yet: each test runs on both databases."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("new_database"))
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture(scope="session")
def _mlflow_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Give the address of the run's MLflow server on a kind of database."""
    folder = _shared_folder(request, tmp_path_factory)
    with contextlib.ExitStack() as stack:
        known: dict[str, str] = {}

        def find(database: str) -> str:
            if database not in known:
                url = None
                if database == "postgresql":
                    url = str(request.getfixturevalue("postgresql_url"))
                known[database] = stack.enter_context(
                    use_mlflow_server(folder / f"mlflow-{database}", url)
                )
            return known[database]

        yield find


@pytest.fixture(scope="session")
def _new_mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with MLflow's tables and no run: making one takes a second."""
    from companion.system.mlflow import load_mlflow

    path = tmp_path_factory.mktemp("mlflow") / "new.db"
    load_mlflow("The tests").MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave MLflow's own state as it was: active runs, experiment, addresses."""
    for variable in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(variable)
    yield
    if mlflow := sys.modules.get("mlflow"):
        while mlflow.active_run():
            mlflow.end_run()
        # What set_experiment() has set, beside a variable.
        sys.modules["mlflow.tracking.fluent"]._active_experiment_id = None  # type: ignore[attr-defined]
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    for variable in [name for name in os.environ if name.startswith("MLFLOW_")]:
        del os.environ[variable]


@pytest.fixture
def mlflow_file(
    _new_mlflow_file: Path,
    mlflow_state: None,  # noqa: ARG001 - used for what it does
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The `sqlite:///` address of a tracking store of this test alone, no server.

    It is MLflow's tracking address for the test, here and in the programs it starts.
    The working folder is the test's, so that the artifacts are written there.
    """
    path = shutil.copy(_new_mlflow_file, tmp_path / "mlflow.db")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        # Its experiment would write its artifacts wherever the tests were started.
        place = str(tmp_path / "mlruns" / "0")
        database.execute("UPDATE experiments SET artifact_location = ?", [place])
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return uri


@pytest.fixture(params=["sqlite", "postgresql"])
def mlflow_server(
    request: pytest.FixtureRequest,
    _mlflow_address: Callable[[str], str],
    mlflow_state: None,  # noqa: ARG001 - used for what it does
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The address of a real `mlflow server`: each test runs on both its databases.

    It is MLflow's tracking address for the test, here and in the programs it starts.
    All tests of a run share the two servers, started when first asked for (about 5 s
    each): name experiments and models anew in each test, with `secrets.token_hex`, and
    stop nothing. `mlflow_server.start_server` starts one that a test may stop.
    """
    url = _mlflow_address(request.param)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    return url


@pytest.fixture(params=["file", "server-sqlite", "server-postgresql"])
def tracking_uri(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Each test runs on an SQLite file and on both servers: see the two above."""
    if request.param == "file":
        return str(request.getfixturevalue("mlflow_file"))
    find = request.getfixturevalue("_mlflow_address")
    request.getfixturevalue("mlflow_state")
    url: str = find(request.param.removeprefix("server-"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    return url


@pytest.fixture(scope="session")
def save_sklearn_model() -> Callable[..., Path]:
    """Save any scikit-learn model with MLflow, as its own users do."""
    from companion.system.mlflow import load_mlflow

    mlflow = load_mlflow("The tests")

    def save(model: Any, folder: Path, example: Any, **options: Any) -> Path:
        import warnings

        options.setdefault("serialization_format", "skops")
        predict = getattr(model, options.get("pyfunc_predict_fn", "predict"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.save_model(
                model,
                folder,
                signature=mlflow.models.infer_signature(example, predict(example)),
                input_example=example,
                pip_requirements=[],
                **options,
            )
        return folder

    return save


@pytest.fixture(scope="session")
def rain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of two classes on three columns, saved as `companion train` does."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from companion.tracking.saving import save_model_folder

    rng = np.random.default_rng(7)
    features = pd.DataFrame(
        rng.normal((3.0, 12.0, 4.0), (1.0, 5.0, 1.0), (300, 3)), columns=RAIN_COLUMNS
    )
    rainy = features["rain_mm"] + rng.normal(size=300) > 3.0
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(features.to_numpy(), rainy.to_numpy().astype(int))
    return save_model_folder(
        model,
        tmp_path_factory.mktemp("models") / "rain",
        name="rain",
        version="3",
        features=features,
        ranges={
            "rain_mm": [0.0, 60.0],
            "temp_c": [-30.0, 50.0],
            "wind_ms": [0.0, 40.0],
        },
    )


@pytest.fixture
def own_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Any]]]:
    """List the servers of language models that this test has started.

    Others of the same user may run meanwhile. In the end there must be none.
    """
    import psutil

    from companion.llm.local.listing import running_servers

    mark = secrets.token_hex(8)
    monkeypatch.setenv("STARTED_BY_TEST", mark)  # servers inherit it

    def is_own(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).environ().get("STARTED_BY_TEST") == mark)
        except psutil.Error:
            return False

    def read(**options: bool) -> list[Any]:
        return [info for info in running_servers(**options) if is_own(info.pid)]

    yield read
    deadline = time.monotonic() + 20
    while read():
        assert time.monotonic() < deadline, "the test left a server"
        time.sleep(0.02)
