"""Run the application: gunicorn where it exists, waitress on Windows.

Everything that can be wrong before the first request is said before anything
starts: the folder, the port, the address of the store and what it needs.
"""

import contextlib
import logging
import os
import socket
import sys
from pathlib import Path

from companion.errors import SettingError
from companion.serving.config import ServerConfig
from companion.serving.http.auth import check_access
from companion.serving.models.folder import ModelFolder, read_model_folder
from companion.serving.models.routing import find_model
from companion.serving.run.greeting import describe_checks
from companion.serving.run.shipper import ShipperProcess
from companion.store.sql.address import parse_store_url, public_name
from companion.store.sql.database import Database
from companion.system.extras import require_libraries
from companion.system.ports import remove_dead_socket, take_port, take_unix_socket

__all__ = ["serve"]


def serve(config: ServerConfig) -> None:
    """Serve a model until the process is told to end.

    Raises MissingExtraError if libraries are missing, ModelError if the model cannot be
    served, PortInUseError if another program listens there, SettingError if an
    address or another value cannot be used, or others could reach the server without a
    token, and StoreError if the folder of the SQLite file is missing.
    """
    place = find_model(config)
    folder = read_model_folder(
        place.path, name=place.name, version=place.version, example=config.example
    )
    journal = config.journal_path
    Database(config.store).close()  # connects nowhere, but says what is missing
    runner = "waitress" if sys.platform == "win32" else "gunicorn"
    require_libraries("`companion serve`", runner, extra="serving")
    listener = _listen(config)
    try:
        check_access(listener, token=config.token, no_auth=config.no_auth)
    except SettingError:
        listener.close()
        raise
    shipper = ShipperProcess(config.store, journal)
    greeting = _greeting(config, folder, listener)
    logging.basicConfig(
        level=logging.WARNING, format="[%(asctime)s] [%(levelname)s] %(message)s"
    )
    server = os.getpid()  # a worker is a fork and comes by below as well
    try:
        if sys.platform == "win32":
            from companion.serving.run.waitress import serve_with_waitress

            serve_with_waitress(config, place, listener, shipper, greeting)
        else:
            from companion.serving.run.gunicorn import serve_with_gunicorn

            serve_with_gunicorn(
                config, place, folder, listener, shipper, greeting=greeting
            )
    finally:
        if config.unix_socket is not None and os.getpid() == server:
            with contextlib.suppress(OSError, SettingError):
                remove_dead_socket(Path(config.unix_socket).absolute())


def _listen(config: ServerConfig) -> socket.socket:
    if config.unix_socket is None:
        return take_port(config.host, config.port)
    return take_unix_socket(config.unix_socket)


def _greeting(
    config: ServerConfig, folder: ModelFolder, listener: socket.socket
) -> str:
    if config.unix_socket is None:
        host = f"[{config.host}]" if ":" in config.host else config.host
        where = f"http://{host}:{listener.getsockname()[1]}"
        page = f"{where}/openapi.json"
    else:
        where = f"the Unix socket {listener.getsockname()}"
        page = f"curl --unix-socket {config.unix_socket} http://localhost/openapi.json"
    note = "  clients must send  the token of COMPANION_TOKEN\n"
    return (
        f"Serving {folder.name}, version {folder.version}, "
        f"on {where}\n"
        f"  predictions go to  {public_name(parse_store_url(config.store))}\n"
        f"  rows and answers   {page}\n"
        f"{describe_checks(config.model, folder)}"
        f"{'' if config.token is None else note}"
        "  stop with          Ctrl-C"
    )
