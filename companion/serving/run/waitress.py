"""Run the application under waitress, where gunicorn cannot run."""

import signal
import socket

import click

from companion.serving.app import create_app
from companion.serving.config import ServerConfig
from companion.serving.models.addresses import ModelPlace
from companion.serving.models.routing import make_router
from companion.serving.run.shipper import ShipperProcess

__all__ = ["serve_with_waitress"]

_HEADERS = 100  # of one request at most; waitress has a limit for all together


def serve_with_waitress(
    config: ServerConfig,
    place: ModelPlace,
    listener: socket.socket,
    shipper: ShipperProcess,
    greeting: str,
) -> None:
    """Serve with threads in this process until Ctrl-C or Ctrl-Break.

    One process serves, whatever `config.workers` says. The shipper comes not yet
    started. The greeting is printed once the model is loaded; a CompanionError is
    raised if it cannot be.
    """
    import waitress

    router = make_router(config, place)
    for source in router.sources:
        source.get()
    app = create_app(config, router=router)
    ctrl_break = getattr(signal, "SIGBREAK", None)
    if ctrl_break is not None:
        signal.signal(ctrl_break, signal.default_int_handler)
    shipper.keep_running()
    try:
        click.echo(greeting)
        waitress.serve(
            app,
            sockets=[listener],
            threads=config.threads,
            channel_timeout=config.keep_alive,
            max_request_header_size=config.max_header_bytes * _HEADERS,
            _quiet=True,
        )
    finally:
        shipper.stop()
