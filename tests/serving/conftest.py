"""Real servers, and a look at their processes."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from companion.system import BackgroundProcess, free_port, start_background

# MLflow warns of the type hints there; test_matrix.py imports it without.
collect_ignore = ["model_kinds.py"]

# `companion serve` with some constants of its modules changed.
_SERVE = """
import importlib, json, sys
from companion.cli import main
for name, value in json.loads(sys.argv[1]).items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(module), constant, value)
sys.exit(main(["serve", *sys.argv[2:]]))
"""
_CONSTANTS = {
    "shipper_pause_s": "companion.serving.run.shipper._PAUSE_S",
    "stall_s": "companion.serving.run.worker.STALL_S",
    "gunicorn_wait_s": "gunicorn.workers.gthread.DEFAULT_WORKER_DATA_TIMEOUT",
    "worker_pause_s": "companion.serving.run.arbiter._PAUSE_S",
}


class Processes:
    """The processes that have a text in their command line or environment.

    One of them may be left out: the one that started the others.
    """

    def __init__(self, text: str, *, but: int | None = None) -> None:
        self._text = text.encode()
        self._left_out = {os.getpid(), but}

    def alive(self) -> dict[int, str]:
        """Return the command line of each, by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                environ = (folder / "environ").read_bytes()
            except OSError:
                continue
            pid = int(folder.name)
            # A process that has ended and waits for its parent has no command.
            if command and self._text in command + environ:
                found[pid] = command.replace(b"\0", b" ").decode()
        return {pid: found[pid] for pid in found.keys() - self._left_out}

    def workers(self, arbiter: int) -> list[int]:
        """Return the workers of a server."""
        children = self._children(arbiter).items()
        return [pid for pid, command in children if b"ship" not in command]

    def shipper(self, arbiter: int) -> int:
        """Return the shipper of a server."""
        children = self._children(arbiter).items()
        (pid,) = (pid for pid, command in children if b"ship" in command)
        return pid

    def wait_until_gone(self, seconds: float = 10.0) -> None:
        """Wait until none is left; fail and name those that stay."""
        deadline = time.monotonic() + seconds
        while left := self.alive():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def _children(self, parent: int) -> dict[int, list[bytes]]:
        """Return the arguments of each child, by process id.

        One that has ended has none, or goes while it is looked at.
        """
        found = {}
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with suppress(OSError):
                if command := Path(f"/proc/{pid}/cmdline").read_bytes():
                    found[int(pid)] = command.split(b"\0")
        return found


@pytest.fixture
def processes_with() -> Callable[[str], Processes]:
    if not Path("/proc/self/environ").exists():
        pytest.skip("reads the list of processes from /proc, as on Linux")
    return Processes


@pytest.fixture(scope="session")
def serve_with(rain_model: Path) -> Callable[..., Any]:
    """Run a real server of two threads, with other pauses than the usual ones."""

    @contextmanager
    def serve(
        folder: Path,
        *,
        model: Path = rain_model,
        options: Sequence[str] = (),
        **pauses: float,
    ) -> Iterator[BackgroundProcess]:
        port = free_port()
        constants = {_CONSTANTS[name]: value for name, value in pauses.items()}
        arguments = [str(model), "--port", str(port), "--threads", "2", *options]
        arguments += ["--store", f"sqlite:///{folder / 'log.db'}"]
        server = start_background(
            [sys.executable, "-c", _SERVE, json.dumps(constants), *arguments],
            url=f"http://127.0.0.1:{port}",
            ready_path="/health/ready",
        )
        try:
            yield server
        finally:
            server.kill()

    return serve


@pytest.fixture(scope="session")
def shared_server(
    serve_with: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackgroundProcess]:
    """A server for tests that do not end it; it waits for clients a second only."""
    folder = tmp_path_factory.mktemp("shared")
    with serve_with(folder, stall_s=1, gunicorn_wait_s=1.0) as server:
        yield server
