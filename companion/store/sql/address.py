"""Where the log lives: its database's address and its journal's folder.

Nothing here opens a connection. A password in an address leaves this module
only inside the parsed URL; messages show `public_name`.
"""

import hashlib
import re
from pathlib import Path

import platformdirs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from companion.errors import SettingError
from companion.settings import resolve_store

__all__ = ["journal_folder", "parse_store_url", "public_name"]

_POSTGRESQL = "postgresql+psycopg"
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "postgresql+psycopg": _POSTGRESQL,
}
# Parameters of libpq that hold no secret. All others are hidden: a list of secrets
# would miss the next one that PostgreSQL adds.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_HARMLESS = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "load_balance_hosts",
        "options",
        "port",
        "require_auth",
        "service",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)


def parse_store_url(store_url: str) -> URL:
    """Read ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    The result names the driver that this package uses; a SQLite file's path is
    absolute. Raises SettingError if the URL is not a valid store address.
    """
    try:
        url = make_url(store_url)
    except (ArgumentError, ValueError):
        raise SettingError(
            f"{_without_secrets(store_url)!r} is not the address of a store. Give "
            "sqlite:///FILE, such as sqlite:///companion.db, or "
            "postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    driver = _DRIVERS.get(url.drivername)
    backend, _, other = url.drivername.partition("+")
    if driver is None and other and backend in _DRIVERS:
        raise SettingError(
            f"The driver {other!r} is not used: SQLite is reached with Python's own, "
            f"PostgreSQL with psycopg 3. Leave it out: {backend}://..."
        )
    if driver is None:
        raise SettingError(
            f"A store is kept in SQLite or PostgreSQL, not in {url.drivername!r}. Give "
            "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
        )
    url = url.set(drivername=driver)
    if driver == "sqlite":
        return url.set(database=str(_sqlite_file(url).absolute()))
    return url


def _sqlite_file(url: URL) -> Path:
    file = url.database or ""
    if file in ("", ":memory:"):
        raise SettingError(
            "A store in memory would end with the process. Give a file, such as "
            "sqlite:///companion.db."
        )
    if url.host or file.startswith("file:"):
        raise SettingError(
            f"{public_name(url)!r} is not understood. Give a plain path after three "
            "slashes: sqlite:///companion.db, or sqlite:////var/lib/companion.db."
        )
    return Path(file)


def public_name(url: URL) -> str:
    """Return the address as messages may show it.

    It has no driver and no password, and of its query only what is known to hold no
    secret.
    """
    shown = URL.create(
        url.get_backend_name(),
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query={key: url.query[key] for key in url.query if key in _HARMLESS},
    )
    return shown.render_as_string()


def journal_folder(store: str | None = None, journal: str | Path | None = None) -> Path:
    """Return the folder of the journal of a store.

    Parameters
    ----------
    store, journal
        As in `companion.settings.resolve_store`.

    Returns
    -------
    Path
        The folder that was given or that the environment names; else for an
        SQLite file the folder beside it that adds ``.journal`` to its name;
        else a folder of this user, one per address.

    Raises
    ------
    SettingError
        If the URL is not a valid store address.

    Examples
    --------
    >>> journal_folder("sqlite:///companion.db").name
    'companion.db.journal'
    """
    place = resolve_store(store, journal)
    if place.journal is not None:
        return place.journal.absolute()
    url = parse_store_url(place.url)
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}.journal")
    digest = hashlib.sha256(public_name(url).encode()).hexdigest()[:16]
    state = platformdirs.user_state_path("mlops-companion", appauthor=False)
    return state / "journals" / digest


def _without_secrets(store_url: str) -> str:
    """Hide all that may be a secret, in a URL that could not be parsed."""
    return re.sub(r"(?<=:).*(?=@)|(?<==)[^&]*", "***", store_url)
