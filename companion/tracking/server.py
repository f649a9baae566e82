"""How MLflow's tracking server is run for one machine, with its data in one folder.

It runs in one worker and without the scheduler of its evaluation jobs: two processes
and 450 MB instead of 15 and 1.7 GB.
"""

import os
import sys
from pathlib import Path

from companion.system.mlflow import QUIET

__all__ = [
    "mark_ready",
    "mlflow_server_command",
    "mlflow_server_environ",
    "prepare_folder",
]

_DATABASE = "mlflow.db"
# MLflow cannot go on with a database whose tables it was making when it was ended, so
# this file says that they are not all there yet.
_UNFINISHED = "mlflow.db.unfinished"


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


def mlflow_server_command(folder: Path, *, port: int) -> list[str]:
    """Return the command of a server whose database and artifacts are in a folder.

    Parameters
    ----------
    folder : Path
        Holds `mlflow.db` and `artifacts`; must exist.
    port : int
        Port on 127.0.0.1.

    Returns
    -------
    list of str
        The program and its arguments.
    """
    folder = folder.absolute()
    return [
        # -P: not an mlflow.py that happens to lie in the working folder.
        *(sys.executable, "-P", "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{(folder / _DATABASE).as_posix()}"),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def mlflow_server_environ() -> dict[str, str]:
    """Return the environment of the server: that of this process, and quiet."""
    return {**QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
