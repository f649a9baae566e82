"""MLflow's tracking stores: whether one is there, and what its errors mean."""

import http.client
import importlib.metadata
import importlib.util
import re
import socket
import sqlite3
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from functools import cache
from pathlib import Path
from textwrap import shorten
from urllib.parse import urlsplit

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from companion.errors import TrackingError

__all__ = ["describe_failure", "probe_tracking_store", "public_uri"]

_TIMEOUT_S = 3.0
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_OLDEST_SERVER = 3  # major version; it knows of logged models
_TABLES = {"alembic_version", "experiments"}  # MLflow's, in every version
_OR_SET_IT = "or set MLFLOW_TRACKING_URI (and MLFLOW_REGISTRY_URI) to another."
_SET_IT = f"Start it, {_OR_SET_IT}"
_SCHEMA = re.compile(r"found version (\w+), but expected (\w+)")
_STEP_BEFORE = re.compile(r"^down_revision = ['\"](\w+)", re.MULTILINE)
_USER = re.compile(r"(?<=://)[^/\s@]+@")


def probe_tracking_store(uri: str, *, create: bool = False) -> None:
    """Raise TrackingError if the store at an address is not there or cannot be used.

    A database of another version of MLflow is refused: MLflow would bring an older one
    up to date unasked, and then no older program can use it any more. `create` is for
    those who will write: an SQLite file that is not there yet and a database without
    tables, which MLflow would fill, are good then, and one that cannot be written is
    not.
    """
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme in ("http", "https"):
        _probe_server(uri)
    elif scheme == "sqlite":
        _probe_file(uri, create=create)
    elif scheme in _DATABASE_PORTS:
        _probe_database(uri, _DATABASE_PORTS[scheme])
        if scheme == "postgresql":
            _probe_tables(uri, create=create)


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
    version = importlib.metadata.version("mlflow")
    if found in _read_steps():
        return (
            f"Its database is of an older version than MLflow {version}. "
            "Make a copy of it, then run `mlflow db upgrade ADDRESS`."
        )
    return (
        f"Its database is of a newer version than MLflow {version}. Install "
        "the version of MLflow that wrote it, or a newer one."
    )


@cache
def _read_steps() -> dict[str, str | None]:
    """Read the versions of MLflow's tables, each with the one before it."""
    spec = importlib.util.find_spec("mlflow")  # not imported: that takes seconds
    places = spec.submodule_search_locations if spec else None
    steps: dict[str, str | None] = {}
    for place in places or ():
        for path in Path(place, "store", "db_migrations", "versions").glob("*_*.py"):
            before = _STEP_BEFORE.search(path.read_text(encoding="utf-8"))
            steps[path.name.partition("_")[0]] = before and before[1]
    return steps


def _check_schema(place: object, found: str) -> None:
    steps = _read_steps()
    latest = steps.keys() - set(steps.values())
    if latest and found not in latest:
        raise TrackingError(
            f"The tracking store {place} cannot be used. {_describe_schema(found)}"
        )


def _probe_server(uri: str) -> None:
    address = _USER.sub("", uri).rstrip("/")
    try:
        urllib.request.urlopen(f"{address}/health", timeout=_TIMEOUT_S).close()  # noqa: S310 - http
        with urllib.request.urlopen(f"{address}/version", timeout=_TIMEOUT_S) as said:  # noqa: S310 - http
            version = said.read(100).decode("utf-8", "replace").strip()
    except urllib.error.HTTPError:
        return  # it answers; whether it lets us in, MLflow finds out
    except (OSError, http.client.HTTPException, ValueError) as err:
        reason = getattr(err, "reason", err)
        if isinstance(reason, ssl.SSLError):
            return  # MLflow has variables of its own for certificates
        raise TrackingError(
            f"No MLflow server answers at {public_uri(uri)}: {_reason(reason)}. "
            f"Start it (`companion up` starts one on this machine), {_OR_SET_IT}"
        ) from None  # the reason is said, and a traceback of sockets would hide it
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST_SERVER:
        raise TrackingError(
            f"The MLflow server at {public_uri(uri)} is too old: its version is "
            f"{version}, and {_OLDEST_SERVER}.0 is the oldest that will do. Have it "
            "updated, or set MLFLOW_TRACKING_URI to another server."
        )


def _probe_file(uri: str, *, create: bool) -> None:
    try:
        name = make_url(uri).database or ""
    except (ArgumentError, ValueError):
        return  # MLflow says so
    if name in ("", ":memory:") or name.startswith("file:"):
        return
    path = Path(name).absolute()
    if not path.is_file():
        if create and path.parent.is_dir() and not path.exists():
            return
        raise TrackingError(
            f"There can be no tracking store {path}: its folder does not exist. Make "
            "the folder, or set MLFLOW_TRACKING_URI to another address."
            if create
            else f"There is no tracking store {path}. Set MLFLOW_TRACKING_URI to the "
            "one that has the model, such as sqlite:///mlflow.db or http://HOST:5000."
        )
    address = f"{path.as_uri()}?mode={'rw' if create else 'ro'}"
    try:
        # MLflow would write its tables into whatever database it finds.
        with closing(
            sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S)
        ) as database:
            if create:
                database.execute("BEGIN IMMEDIATE")
            names = database.execute("SELECT name FROM sqlite_master").fetchall()
            if create and not names:
                return
            database.execute("SELECT 1 FROM experiments").close()
            found = database.execute("SELECT version_num FROM alembic_version")
            version = found.fetchone()
    except sqlite3.Error as err:
        raise TrackingError(_describe_file(path, err)) from err
    if version:
        _check_schema(path, version[0])


def _describe_file(path: Path, err: sqlite3.Error) -> str:
    if "locked" in str(err):
        return (
            f"The tracking store {path} is locked: another program has been writing to "
            f"it for {_TIMEOUT_S:g} seconds. End that program, or let both use a "
            "server: mlflow server --backend-store-uri ADDRESS"
        )
    if "readonly" in str(err):
        return (
            f"The tracking store {path} cannot be written, only read. Ask its owner "
            "for write access, or set MLFLOW_TRACKING_URI to another."
        )
    return f"{path} is not a tracking store of MLflow's: {err}. {_SET_IT}"


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


def _probe_tables(uri: str, *, create: bool) -> None:
    limit = {"connect_timeout": int(_TIMEOUT_S)}
    try:
        engine = create_engine(uri, poolclass=NullPool, connect_args=limit)
    except (ArgumentError, ValueError, ImportError):
        return  # MLflow says so
    try:
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
            if create and not tables:
                return
            if not tables >= _TABLES:
                raise TrackingError(
                    f"The database {public_uri(uri)} is not a tracking store of "
                    f"MLflow's: it has no table of experiments. {_SET_IT}"
                )
            ask = text("SELECT version_num FROM alembic_version")
            version = connection.execute(ask).scalar()
    except DBAPIError as err:
        line = _cut((str(err.orig).splitlines() or [type(err).__name__])[0])
        raise TrackingError(
            f"The database {public_uri(uri)} cannot be used: {line} {_SET_IT}"
        ) from err
    if version:
        _check_schema(public_uri(uri), version)


def _reason(err: object) -> str:
    if isinstance(err, TimeoutError):
        return f"it did not answer within {_TIMEOUT_S:g} seconds"
    return str(getattr(err, "strerror", None) or err)
