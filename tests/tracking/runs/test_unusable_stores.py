"""A store that cannot be used is one sentence with a remedy, within five seconds."""

import http.server
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import mlflow
import pytest
from mlflow_server import start_server
from sqlalchemy import create_engine, text

from companion.errors import TrackingError
from companion.system import free_port
from companion.tracking import run

LIMIT_S = 5.0
OLDER, NEWER = "451aebb31d03", "feedfeedfeed"

pytestmark = pytest.mark.usefixtures("mlflow_state")


@contextmanager
def refused(match):
    """Expect the sentence, and that it comes in time."""
    begin = time.monotonic()
    with pytest.raises(TrackingError, match=match) as caught:
        yield
    seconds = time.monotonic() - begin
    message = str(caught.value)
    assert seconds < LIMIT_S, message
    assert "\n" not in message
    assert mlflow.active_run() is None


@pytest.fixture
def use(monkeypatch):
    def set_address(uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", str(uri))

    return set_address


def start():
    with run("never"):
        pytest.fail("the block is not to run")


def test_a_server_that_is_down(use):
    use(f"http://127.0.0.1:{free_port()}")

    with refused(
        r"No MLflow server answers at http://127.*Start it \(`companion up` starts one "
        r"on this machine\), or set MLFLOW_TRACKING_URI"
    ):
        start()


def test_a_server_that_hangs(use):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(f"http://127.0.0.1:{silent.getsockname()[1]}")

        with refused("did not answer within 3 seconds.*Start it .*, or set MLFLOW_"):
            start()


def test_a_server_that_is_too_old(use):
    """No such old one can be installed beside ours: this one answers as they do."""

    class Old(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"2.22.1" if self.path == "/version" else b"OK")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        use(f"http://127.0.0.1:{server.server_port}")

        with refused(r"is too old: its version is 2\.22\.1, .*updated, or set"):
            start()
        server.shutdown()


@pytest.mark.parametrize(
    ("revision", "remedy"),
    [
        (OLDER, "older version than MLflow .*copy of it, then run `mlflow db upgrade"),
        (NEWER, "newer version than MLflow .*Install the version of MLflow"),
    ],
)
def test_a_file_of_another_version(mlflow_file, revision, remedy):
    path = mlflow_file.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])

    with refused(remedy):
        start()


def test_a_file_of_an_older_version_is_not_brought_up_to_date_unasked(mlflow_file):
    """MLflow itself does so where a table is missing, without a copy."""
    path = mlflow_file.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [OLDER])
        database.execute("DROP TABLE trace_info")

    with refused("of an older version"):
        start()

    with closing(sqlite3.connect(path)) as database:
        tables = {
            name for (name,) in database.execute("SELECT name FROM sqlite_master")
        }
    assert "experiments" in tables
    assert "trace_info" not in tables


def test_a_file_that_another_program_locks(mlflow_file):
    path = mlflow_file.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with refused("is locked: another program .*or let both use a server"):
            start()


def test_a_file_that_another_program_writes_for_a_moment_is_waited_for(mlflow_file):
    path = mlflow_file.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(1, other.rollback).start()

        with run("patient") as active:
            pass

    assert mlflow.get_run(active.info.run_id).info.status == "FINISHED"


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="its owner may write it there"
)
def test_a_file_that_can_only_be_read(mlflow_file):
    Path(mlflow_file.removeprefix("sqlite:///")).chmod(0o444)

    with refused("cannot be written, only read"):
        start()


def test_a_file_of_another_program_is_left_alone(use, tmp_path):
    path = tmp_path / "companion.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE predictions (x)")
    before = path.read_bytes()
    use(f"sqlite:///{path}")

    with refused("companion.db is not a tracking store of MLflow's: no such table"):
        start()

    assert path.read_bytes() == before


def test_a_file_that_is_no_database(use, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    use(f"sqlite:///{path}")

    with refused("is not a tracking store of MLflow's: file is not a database"):
        start()


def test_a_folder_that_is_missing_is_not_made(use, tmp_path):
    use(f"sqlite:///{tmp_path / 'typo' / 'mlflow.db'}")

    with refused("its folder does not exist. Make the folder, or set"):
        start()

    assert not (tmp_path / "typo").exists()


def test_postgresql_that_is_down(use):
    use(f"postgresql://ada:secret@127.0.0.1:{free_port()}/mlflow")

    with refused("No database answers at .*Start it, or set MLFLOW_"):
        start()


def test_postgresql_behind_a_socket_that_is_gone(use, own_postgresql):
    own_postgresql.stop()
    use(own_postgresql.url)

    with refused("cannot be used: .*Start it, or set MLFLOW_"):
        start()
    own_postgresql.start()


def test_postgresql_without_the_database(use, postgresql_url):
    head, mark, query = postgresql_url.partition("?")
    use(f"{head.rpartition('/')[0]}/no_such_name{mark}{query}")

    with refused(r'database "no_such_name" does not exist\. Start it, or set MLFLOW_'):
        start()


def test_postgresql_that_holds_the_tables_of_another_program(use, new_database):
    engine = create_engine(new_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE predictions (x integer)"))
    engine.dispose()
    use(new_database)

    with refused("is not a tracking store of MLflow's: it has no table of experiments"):
        start()


@pytest.mark.parametrize(
    ("revision", "remedy"),
    [(OLDER, "of an older version.*db upgrade"), (NEWER, "of a newer .*Install")],
)
def test_postgresql_of_another_version(use, new_database, revision, remedy):
    engine = create_engine(new_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE experiments (x integer)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
        ask = text("INSERT INTO alembic_version VALUES (:revision)")
        connection.execute(ask, {"revision": revision})
    engine.dispose()
    use(new_database)

    with refused(remedy):
        start()


def test_a_server_that_goes_during_the_run(use, tmp_path):
    """The error says how to end the run; MLflow does not try for minutes at exit."""
    server = start_server(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    use(server.url)
    program = (
        "import os, signal, sys\n"
        "from companion.tracking import run\n"
        "with run('first') as active:\n"
        "    print(active.info.run_id, flush=True)\n"
        "    os.killpg(int(sys.argv[1]), signal.SIGKILL)\n"
    )
    begin = time.monotonic()

    result = subprocess.run(
        [sys.executable, "-c", program, str(server.pid)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    server.kill()

    assert time.monotonic() - begin < 20  # importing MLflow takes some
    assert "TrackingError: No MLflow server answers at http://127." in result.stderr
    run_id = result.stdout.splitlines()[0]
    remedy = f"mlflow.MlflowClient().set_terminated('{run_id}', 'FINISHED')"
    assert result.stderr.rstrip().endswith(f"To end it later: {remedy}")


def test_a_store_that_goes_does_not_hide_what_the_block_raised(mlflow_file):
    def fail():
        with run("first"):
            Path(mlflow_file.removeprefix("sqlite:///")).write_text("broken " * 100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()

    assert "is not a tracking store" in caught.value.__notes__[0]
    assert "set_terminated" in caught.value.__notes__[0]
    assert mlflow.active_run() is None
