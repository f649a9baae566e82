"""Run the application: gunicorn where it exists, waitress on Windows.

Everything that can be wrong before the first request is said before anything
starts: the folder, the port, the address of the store and what it needs.
"""

import logging
import sys

from companion.errors import SettingError
from companion.serving.config import ServerConfig
from companion.serving.http.auth import check_access
from companion.serving.models.folder import ModelFolder, read_model_folder
from companion.serving.run.shipper import ShipperProcess
from companion.store.sql.address import parse_store_url, public_name
from companion.store.sql.database import Database
from companion.system.extras import require_libraries
from companion.system.ports import take_port

__all__ = ["serve"]


def serve(config: ServerConfig) -> None:
    """Serve a model until the process is told to end.

    Raises MissingExtraError if libraries are missing, ModelError if the model cannot be
    served, PortInUseError if another program listens on the port, SettingError if an
    address or another value cannot be used, or others could reach the server without a
    token, and StoreError if the folder of the SQLite file is missing.
    """
    folder = read_model_folder(config.model)
    journal = config.journal_path
    Database(config.store).close()  # connects nowhere, but says what is missing
    runner = "waitress" if sys.platform == "win32" else "gunicorn"
    require_libraries("`companion serve`", runner, extra="serving")
    listener = take_port(config.host, config.port)
    try:
        check_access(listener, token=config.token, no_auth=config.no_auth)
    except SettingError:
        listener.close()
        raise
    shipper = ShipperProcess(config.store, journal)
    greeting = _greeting(config, folder, listener.getsockname()[1])
    logging.basicConfig(
        level=logging.WARNING, format="[%(asctime)s] [%(levelname)s] %(message)s"
    )
    if sys.platform == "win32":
        from companion.serving.run.waitress import serve_with_waitress

        serve_with_waitress(config, listener, shipper, greeting)
    else:
        from companion.serving.run.gunicorn import serve_with_gunicorn

        serve_with_gunicorn(config, folder, listener, shipper, greeting)


def _greeting(config: ServerConfig, folder: ModelFolder, port: int) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    note = "  clients must send  the token of COMPANION_TOKEN\n"
    return (
        f"Serving {folder.name}, version {folder.version}, "
        f"on http://{host}:{port}\n"
        f"  predictions go to  {public_name(parse_store_url(config.store))}\n"
        f"  rows and answers   http://{host}:{port}/openapi.json\n"
        f"{'' if config.token is None else note}"
        "  stop with          Ctrl-C"
    )
