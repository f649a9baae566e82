"""A real `mlflow server` for the tests, shared by all processes of one run.

The first that needs it starts this module as a program of its own, the keeper of
`keeper.py`, which ends the server after its last user and deletes what it wrote. The
fixtures `mlflow_server` and `tracking_uri` of tests/conftest.py hand it out.
"""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keeper import end_on_sigterm, join, keep

from companion.system import BackgroundProcess, free_port, start_background

__all__ = ["start_server", "use_server"]

_PATIENCE_S = 120.0
_SERVER_SETTINGS = {
    # Without it 15 processes of 1.7 GB in all are started.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_MODEL_CATALOG_URI": "",
}


def start_server(
    backend: str, artifacts: Path, *, port: int | None = None
) -> BackgroundProcess:
    """Start a server for one test alone, which may stop it; takes about 5 seconds.

    `backend` is the address of its database, `artifacts` the folder of its files. It
    ends at the latest with this process.
    """
    port = port or free_port()
    # The variables of who runs the tests are not for it.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return start_background(
        [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--backend-store-uri", backend),
            *("--artifacts-destination", str(artifacts)),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health",
        timeout_s=_PATIENCE_S,
        environ=environ | _SERVER_SETTINGS,
    )


@contextlib.contextmanager
def use_server(folder: Path, postgresql: str | None = None) -> Iterator[str]:
    """Give the address of the server that belongs to a folder; start it if need be.

    Its database is an SQLite file, or a new database of the PostgreSQL server at the
    given address.
    """
    if sys.platform == "win32":  # no lock to share: one for each process
        with _run(postgresql) as url:
            yield url
        return
    arguments = [postgresql] if postgresql else []
    found, lock = join(folder, [__file__, str(folder), *arguments])
    try:
        yield found["url"]
    finally:
        os.close(lock)


@contextlib.contextmanager
def _run(postgresql: str | None) -> Iterator[str]:
    place = Path(tempfile.mkdtemp(prefix="companion-mlflow-"))
    try:
        with _make_database(place, postgresql) as backend:
            server = start_server(backend, place / "artifacts")
            try:
                yield str(server.url)
            finally:
                server.kill()
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _make_database(place: Path, postgresql: str | None) -> Iterator[str]:
    if postgresql is None:
        yield f"sqlite:///{place / 'mlflow.db'}"
        return
    import psycopg

    name = f"companion_mlflow_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    start, mark, query = postgresql.partition("?")
    try:
        yield f"{start.rpartition('/')[0]}/{name}{mark}{query}"
    finally:
        # A server of the tests' own may have ended already, with all its databases.
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(postgresql, autocommit=True) as connection,
        ):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    end_on_sigterm()
    with _run(sys.argv[2] if len(sys.argv) > 2 else None) as address:
        keep(Path(sys.argv[1]), {"url": address})
