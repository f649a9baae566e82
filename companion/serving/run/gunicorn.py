"""Run the application under gunicorn: workers, signals, and the shipper.

What differs from plain gunicorn: Ctrl-C lets running requests finish, as
SIGTERM does; a model that cannot be loaded ends the server with one message;
and the arbiter looks after the shipper as it does after its workers.
"""

import os
import signal
import socket
import sys
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from companion.errors import CompanionError, ModelError
from companion.serving.app import create_app
from companion.serving.config import ServerConfig
from companion.serving.models.folder import ModelFolder
from companion.serving.models.routing import make_router
from companion.serving.run.shipper import ShipperProcess
from companion.serving.run.worker import QuietLogger, Worker

__all__ = ["FailureReport", "serve_with_gunicorn"]

_KEEP_ALIVE_S = 15
_GRACEFUL_S = 30
# A worker that hangs for this long is replaced; loading a large model must not
# count as hanging.
_TIMEOUT_S = 120
_LONGEST_LINE = 8190  # gunicorn takes no more
_LONGEST_MESSAGE = 4096  # bytes, which a pipe takes in one piece


def serve_with_gunicorn(
    config: ServerConfig,
    folder: ModelFolder,
    listener: socket.socket,
    shipper: ShipperProcess,
    greeting: str,
) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests are then finished.

    The shipper comes not yet started. The greeting is printed once the first worker has
    loaded the model; a ModelError is raised if a first worker cannot.
    """
    _import_early(folder)
    application = _Application(config, listener, shipper, greeting)
    shipper.keep_running()
    arbiter = os.getpid()
    try:
        _Arbiter(application).run()
    except SystemExit as end:
        # A worker is a fork that ends by the same exception; only the arbiter may
        # go on below.
        if os.getpid() != arbiter or end.code:
            raise
    finally:
        if os.getpid() == arbiter:
            shipper.stop()
    application.report.raise_if_any()


def _import_early(folder: ModelFolder) -> None:
    """Import what each worker needs, so that a new one answers at once.

    Only where a fork with these libraries loaded is known to be safe: on macOS
    the system's own mathematics may hang after one.
    """
    if sys.platform == "linux" and folder.skops is not None:
        import skops.io  # noqa: F401 - for the workers


class _Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self,
        config: ServerConfig,
        listener: socket.socket,
        shipper: ShipperProcess,
        greeting: str,
    ) -> None:
        self._config = config
        self._descriptor = listener.detach()  # gunicorn takes it over
        self.shipper = shipper
        self._greeting = greeting
        self._is_first = False
        self._must_load = True
        self.report = FailureReport()
        super().__init__()

    def load_config(self) -> None:
        config = self._config
        settings = {
            "bind": f"fd://{self._descriptor}",
            "workers": config.workers,
            "worker_class": Worker,
            "threads": config.threads,
            "keepalive": _KEEP_ALIVE_S,
            "graceful_timeout": _GRACEFUL_S,
            "timeout": _TIMEOUT_S,
            "loglevel": "warning",
            "logger_class": QuietLogger,
            "limit_request_line": min(config.max_header_bytes, _LONGEST_LINE),
            "limit_request_field_size": config.max_header_bytes,
            # The application knows what it believes of a proxy.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "post_fork": self._note_worker,
            "post_worker_init": self._greet,
            # Newer gunicorn opens a socket in the home folder for its own tool.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        router = make_router(self._config)
        try:
            for source in router.sources:
                source.get()
        except CompanionError as err:
            if self._must_load:
                self.report.send(err)
                sys.exit(0)
        return create_app(self._config, router=router)

    def _note_worker(self, _arbiter: Arbiter, worker: Any) -> None:
        self._is_first = worker.age == 1
        # A worker that takes a dead one's place serves 503 until the model is
        # back; a broken model ends the server only at its start.
        self._must_load = worker.age <= self._config.workers

    def _greet(self, _worker: Any) -> None:
        # Ctrl-C reaches the workers too, but the arbiter tells them when to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._is_first:
            click.echo(self._greeting)


class FailureReport:
    """A pipe that carries one error message from a worker to its arbiter.

    Made in the arbiter, before it forks.
    """

    def __init__(self) -> None:
        self._arbiter = os.getpid()
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)

    def send(self, err: CompanionError) -> None:
        """Report an error, and tell the arbiter to end."""
        message = str(err).encode()[: _LONGEST_MESSAGE - 1] + b"\0"
        os.write(self._write_end, message)
        if os.getppid() == self._arbiter:  # else it has died, and that is init
            os.kill(self._arbiter, signal.SIGTERM)

    def raise_if_any(self) -> None:
        """Raise a ModelError with what a worker reported first, if one did."""
        try:
            message = os.read(self._read_end, _LONGEST_MESSAGE)
        except BlockingIOError:
            return
        raise ModelError(message.split(b"\0")[0].decode("utf-8", "replace"))


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    def manage_workers(self) -> None:
        super().manage_workers()
        self.app.shipper.keep_running()

    def handle_int(self) -> None:
        self.handle_term()

    def handle_usr2(self) -> None:
        # gunicorn would run our command line again, which takes the port itself.
        self.log.warning("SIGUSR2 is not supported; start a new server instead.")
