"""MLflow's tracking stores: whether one is there, and what its errors mean."""

import http.client
import re
import socket
import sqlite3
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from textwrap import shorten
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from companion.errors import TrackingError

__all__ = ["describe_failure", "probe_tracking_store", "public_uri"]

_TIMEOUT_S = 3.0
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_SET_IT = "Start it, or set MLFLOW_TRACKING_URI (and MLFLOW_REGISTRY_URI) to another."
_SCHEMA = re.compile(r"found version (\w+), but expected (\w+)")
_USER = re.compile(r"(?<=://)[^/\s@]+@")


def probe_tracking_store(uri: str) -> None:
    """Raise TrackingError if nothing is at the address of a store."""
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme in ("http", "https"):
        _probe_server(uri)
    elif scheme == "sqlite":
        _probe_file(uri)
    elif scheme in _DATABASE_PORTS:
        _probe_database(uri, _DATABASE_PORTS[scheme])


def public_uri(uri: str) -> str:
    """Return an address as messages may show it: without user and password."""
    return _USER.sub("***@", uri)


def describe_failure(err: BaseException) -> str:
    """Say in one or two sentences what went wrong in MLflow, and what to do."""
    text = str(getattr(err, "message", None) or err).strip()
    lines = text.splitlines() or [type(err).__name__]
    if found := _SCHEMA.search(text):
        return _describe_schema(found[1])
    if "401" in text or "403" in text or "PERMISSION_DENIED" in text:
        return (
            f"{_cut(lines[0])} If the server asks for a name and a password, set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN."
        )
    return f"{_cut(lines[0])} {_SET_IT}"


def _cut(line: str) -> str:
    line = shorten(public_uri(line), 300, placeholder=" …")
    return line if line.endswith((".", "…")) else f"{line}."


def _describe_schema(found: str) -> str:
    import mlflow

    steps = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    if any(steps.glob(f"{found}_*.py")):
        return (
            f"Its database is of an older version than MLflow {mlflow.__version__}. "
            "Make a copy of it, then run `mlflow db upgrade ADDRESS`."
        )
    return (
        f"Its database is of a newer version than MLflow {mlflow.__version__}. Install "
        "the version of MLflow that wrote it, or a newer one."
    )


def _probe_server(uri: str) -> None:
    address = _USER.sub("", uri).rstrip("/")
    try:
        urllib.request.urlopen(f"{address}/health", timeout=_TIMEOUT_S).close()  # noqa: S310 - http
    except urllib.error.HTTPError:
        return  # it answers; whether it lets us in, MLflow finds out
    except (OSError, http.client.HTTPException, ValueError) as err:
        reason = getattr(err, "reason", err)
        if isinstance(reason, ssl.SSLError):
            return  # MLflow has variables of its own for certificates
        raise TrackingError(
            f"No MLflow server answers at {public_uri(uri)}: {_reason(reason)}. "
            f"{_SET_IT}"
        ) from err


def _probe_file(uri: str) -> None:
    try:
        name = make_url(uri).database or ""
    except (ArgumentError, ValueError):
        return  # MLflow says so
    if name in ("", ":memory:") or name.startswith("file:"):
        return
    path = Path(name).absolute()
    if not path.is_file():
        raise TrackingError(
            f"There is no tracking store {path}. Set MLFLOW_TRACKING_URI to the one "
            "that has the model, such as sqlite:///mlflow.db or http://HOST:5000."
        )
    try:
        # MLflow would write its tables into whatever database it finds.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT 1 FROM experiments").close()
            database.execute("SELECT 1 FROM alembic_version").close()
    except sqlite3.Error as err:
        if "locked" in str(err):
            return  # MLflow waits
        raise TrackingError(
            f"{path} is not a tracking store of MLflow's: {err}. {_SET_IT}"
        ) from err


def _probe_database(uri: str, port: int) -> None:
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        return  # MLflow says so
    if not url.host:
        return  # a socket in the file system, or several servers
    try:
        socket.create_connection((url.host, url.port or port), _TIMEOUT_S).close()
    except OSError as err:
        raise TrackingError(
            f"No database answers at {public_uri(uri)}: {_reason(err)}. {_SET_IT}"
        ) from err


def _reason(err: object) -> str:
    if isinstance(err, TimeoutError):
        return f"it did not answer within {_TIMEOUT_S:g} seconds"
    return str(getattr(err, "strerror", None) or err)
