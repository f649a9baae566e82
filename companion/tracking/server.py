"""How MLflow's tracking server is run for one machine, with its data in one folder.

It runs in one worker and without the scheduler of its evaluation jobs: two processes
and 450 MB instead of 15 and 1.7 GB. `mlflow_in_background` starts one from Python,
`companion up` from a terminal.
"""

import os
import sys
from pathlib import Path

from companion.errors import SettingError
from companion.system.background import BackgroundProcess, start_background
from companion.system.extras import require_libraries
from companion.system.mlflow import QUIET
from companion.system.ports import free_port

__all__ = [
    "mark_ready",
    "mlflow_in_background",
    "mlflow_server_command",
    "mlflow_server_environ",
    "prepare_folder",
]

_DATABASE = "mlflow.db"
# MLflow cannot go on with a database whose tables it was making when it was ended, so
# this file says that they are not all there yet.
_UNFINISHED = "mlflow.db.unfinished"


def mlflow_in_background(
    folder: str | Path = "mlflow",
    *,
    backend: str | None = None,
    port: int | None = None,
    timeout_s: float = 90.0,
) -> BackgroundProcess:
    """Run an MLflow server and return once it answers, after about five seconds.

    Only programs on this machine reach it. It ends with the process that started it;
    what it has stored is there again at the next start with the same folder.

    Parameters
    ----------
    folder : str or Path, default="mlflow"
        Keeps the database ``mlflow.db`` and the folder ``artifacts``; made if need be.
    backend : str, optional
        SQLAlchemy address of another database, such as
        ``postgresql://USER:PASSWORD@HOST/NAME``; it must exist, its tables are made.
    port : int, optional
        Port to listen on; by default one that is free.
    timeout_s : float, default=90
        Seconds to wait until the server answers.

    Returns
    -------
    BackgroundProcess
        Its `url` is the server's address, for `mlflow.set_tracking_uri`. Stop it with
        `stop()`, or use it in a `with` block.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    SettingError
        If the folder cannot be made or written.
    StartError
        If the server ends, or does not answer in time; the message repeats what it
        printed.

    Examples
    --------
    >>> with mlflow_in_background("mlflow") as server:  # doctest: +SKIP
    ...     print(server.url)
    http://127.0.0.1:26411
    """
    require_libraries("`mlflow_in_background`", "mlflow", extra="tracking")
    folder = Path(folder)
    try:
        prepare_folder(folder)
    except OSError as err:
        raise SettingError(
            f"The folder {folder} cannot be used: {err.strerror}. Choose another."
        ) from err
    port = free_port() if port is None else port
    environ = mlflow_server_environ()
    if backend is not None:
        # Not among the arguments, which everyone on the machine can read: the address
        # may hold a password.
        environ["MLFLOW_BACKEND_STORE_URI"] = backend
    server = start_background(
        mlflow_server_command(folder, port=port, own_database=backend is None),
        url=f"http://127.0.0.1:{port}",
        ready_path="/health",
        timeout_s=timeout_s,
        environ=environ,
    )
    mark_ready(folder)
    return server


def prepare_folder(folder: Path) -> None:
    """Make a server's folder; remove a database that no server has finished making.

    Raises OSError if the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database, unfinished = folder / _DATABASE, folder / _UNFINISHED
    if not database.exists():
        unfinished.touch()
    elif unfinished.exists():
        for path in (f"{database}-journal", f"{database}-wal", f"{database}-shm"):
            Path(path).unlink(missing_ok=True)
        database.unlink()


def mark_ready(folder: Path) -> None:
    """Note that the server has answered, so its database is whole."""
    (folder / _UNFINISHED).unlink(missing_ok=True)


def mlflow_server_command(
    folder: Path, *, port: int, own_database: bool = True
) -> list[str]:
    """Return the command of a server whose database and artifacts are in a folder.

    Parameters
    ----------
    folder : Path
        Holds `mlflow.db` and `artifacts`; must exist.
    port : int
        Port on 127.0.0.1.
    own_database : bool, default=True
        False if the environment names another database, ``MLFLOW_BACKEND_STORE_URI``.

    Returns
    -------
    list of str
        The program and its arguments.
    """
    folder = folder.absolute()
    database = f"sqlite:///{(folder / _DATABASE).as_posix()}"
    return [
        # -P: not an mlflow.py that happens to lie in the working folder.
        *(sys.executable, "-P", "-m", "mlflow", "server", "--workers", "1"),
        *(["--backend-store-uri", database] if own_database else []),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def mlflow_server_environ() -> dict[str, str]:
    """Return the environment of the server: that of this process, and quiet."""
    return {**QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
