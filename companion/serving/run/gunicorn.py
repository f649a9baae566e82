"""Run the application under gunicorn: workers, signals, and the shipper.

What differs from plain gunicorn: Ctrl-C lets running requests finish, as
SIGTERM does; a model that cannot be loaded ends the server with one message at its
start, and never later; and the arbiter, of `companion.serving.run.arbiter`, changes the
model at SIGHUP, ends when its terminal closes, and looks after the shipper as it does
after its workers.
"""

import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from companion.errors import CompanionError, ModelError
from companion.serving.app import create_app
from companion.serving.config import ServerConfig
from companion.serving.models.addresses import ModelPlace
from companion.serving.models.folder import ModelFolder
from companion.serving.models.onnx import prepare_conversion
from companion.serving.models.routing import find_model, make_router
from companion.serving.run.arbiter import Assignment, RollingArbiter
from companion.serving.run.reports import Reports
from companion.serving.run.shared import SharedFolder, share_metrics
from companion.serving.run.shipper import ShipperProcess
from companion.serving.run.worker import QuietLogger, Worker

if TYPE_CHECKING:
    from companion.serving.models.source import ProvenModel

__all__ = ["serve_with_gunicorn"]

_GRACEFUL_S = 30
# A worker that hangs for this long is replaced; loading a large model must not
# count as hanging.
_TIMEOUT_S = 120
_LONGEST_LINE = 8190  # gunicorn takes no more

_logger = logging.getLogger(__name__)


def serve_with_gunicorn(
    config: ServerConfig,
    place: ModelPlace,
    folder: ModelFolder,
    listener: socket.socket,
    shipper: ShipperProcess,
    *,
    greeting: str,
) -> None:
    """Serve until SIGTERM, Ctrl-C or the end of the terminal; requests are finished.

    The shipper comes not yet started. The greeting is printed once the first worker has
    loaded the model; a ModelError is raised if a first worker cannot.
    """
    _import_early(folder)
    if config.engine != "native":
        # Once, and before the fork: a worker that loads the model has it in memory.
        prepare_conversion(folder, required=config.engine == "onnx")
    application = _Application(config, place, listener, shipper, greeting)
    shipper.keep_running()
    arbiter = os.getpid()
    try:
        RollingArbiter(application).run()
    except SystemExit as end:
        # A worker is a fork that ends by the same exception; only the arbiter may
        # go on below.
        if os.getpid() != arbiter or end.code:
            raise
    finally:
        if os.getpid() == arbiter:
            shipper.stop()
            application.shared.remove()
    if application.failure is not None:
        raise ModelError(application.failure)


def _import_early(folder: ModelFolder) -> None:
    """Import what each worker needs, so that a new one answers at once.

    Only where a fork with these libraries loaded is known to be safe: on macOS
    the system's own mathematics may hang after one.
    """
    if sys.platform == "linux" and folder.skops is not None:
        import skops.io  # noqa: F401 - for the workers


class _Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What the arbiter runs. A worker is a fork and has its own copy."""

    def __init__(
        self,
        config: ServerConfig,
        place: ModelPlace,
        listener: socket.socket,
        shipper: ShipperProcess,
        greeting: str,
    ) -> None:
        self._config = config
        self._place = place
        self._descriptor = listener.detach()  # gunicorn takes it over
        self.shipper = shipper
        self._greeting = greeting
        self.shared = SharedFolder()
        self.reports = Reports()
        self.failure: str | None = None  # why the first workers cannot serve
        super().__init__()

    def load_config(self) -> None:
        config = self._config
        settings = {
            "bind": f"fd://{self._descriptor}",
            "workers": config.workers,
            "worker_class": Worker,
            "threads": config.threads,
            "keepalive": config.keep_alive,
            "graceful_timeout": _GRACEFUL_S,
            "timeout": _TIMEOUT_S,
            "loglevel": "warning",
            "logger_class": QuietLogger,
            "limit_request_line": min(config.max_header_bytes, _LONGEST_LINE),
            "limit_request_field_size": config.max_header_bytes,
            # The application knows what it believes of a proxy.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "pre_fork": RollingArbiter.prepare,
            "child_exit": RollingArbiter.note_end,
            "post_fork": self._begin,
            "post_worker_init": self._report,
            # Newer gunicorn opens a socket in the home folder for its own tool.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    # What follows runs in a worker.

    def _begin(self, _arbiter: Arbiter, worker: Any) -> None:
        self._assignment: Assignment = worker.assignment
        if self._assignment.slot is not None:
            share_metrics(self.shared.path, self._assignment.slot)

    def load(self) -> Any:
        try:
            return self._load()
        except Exception as err:
            if not isinstance(err, CompanionError):
                _logger.exception("A worker cannot start.")
            # The arbiter's signals come while this process is ending already.
            for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            self.reports.send(failure=str(err) or type(err).__name__)
            sys.exit(0)

    def _load(self) -> Any:
        self._model: ProvenModel | None = None
        place = self._find_model()
        router = make_router(self._config, place)
        try:
            for source in router.sources:
                self._model = source.prove()
        except CompanionError as err:
            if self._assignment.must_load:
                raise
            _logger.error("The model cannot be loaded: %s", err)  # noqa: TRY400 - said in full
        app = create_app(self._config, router=router, shared=self.shared.path)
        # Libraries and model stay. To look through them for garbage takes 40 ms, and
        # every thirty requests of a thousand rows make Python do so.
        gc.collect()
        gc.freeze()
        return app

    def _find_model(self) -> ModelPlace:
        proven = self._assignment.proven
        place = proven.find() if proven is not None else None
        if place is not None:
            return place
        if proven is None and self._assignment.generation == 0:
            return self._place
        # Its address may lead elsewhere by now.
        return find_model(self._config)

    def _report(self, worker: Any) -> None:
        # Ctrl-C reaches the workers too, but the arbiter tells them when to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        model, proven = self._model, self._assignment.proven
        if worker.age == 1:
            click.echo(self._greeting)
        elif model is not None and proven is None and self._assignment.generation:
            click.echo(f"Serving {model.name}, version {model.version}, from now on.")
        elif model is not None and proven is not None and model.stamp != proven.stamp:
            _logger.warning(
                "The model's folder has changed since the server loaded it: a new "
                "worker serves %s, version %s. Send SIGHUP, so that all workers do.",
                model.name,
                model.version,
            )
        self.reports.send(model=model)
