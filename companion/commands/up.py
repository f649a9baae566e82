"""`companion up`: MLflow and a model server, started and ended together."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from companion.commands._options import setting_option
from companion.errors import SettingError
from companion.settings import SETTINGS
from companion.system.extras import require_libraries
from companion.system.parents import watch_parent
from companion.system.ports import take_port
from companion.system.stack import Part, run_stack

__all__ = ["command"]

_HOST = "127.0.0.1"
# How a terminal sets a variable for the programs that are started in it.
_EXPORT = "set" if sys.platform == "win32" else "export"


@click.command(
    "up",
    epilog="Example: companion up models:/terrace@champion",
    short_help="Run MLflow and a model server together, until Ctrl-C.",
    context_settings={"show_default": True},
)
@click.argument("model", required=False)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="companion-stack",
    metavar="FOLDER",
    help="Where MLflow's database and artifacts and all logs are kept.",
)
@setting_option("mlflow-port", type=click.IntRange(0, 65535))
@setting_option("port", type=click.IntRange(0, 65535))
def command(*, model: str | None, folder: Path, mlflow_port: int, port: int) -> None:
    """Start an MLflow server on SQLite, and a model server if MODEL is given.

    MODEL is what `companion serve` takes: a folder in MLflow's model format, or an
    address such as models:/NAME@ALIAS, which is looked up in the MLflow started here.
    The command prints the addresses when all answer, and ends all on Ctrl-C, on
    SIGTERM, and, unless started with nohup, with its terminal or the program that
    started it. If one part dies, its last lines are shown and the rest is ended.

    Only programs on this machine reach the two servers. What MLflow has stored is
    there again at the next start with the same folder.
    """
    over = _end_with_signals()
    require_libraries("`companion up`", "mlflow", extra="tracking")
    if model is not None:
        require_libraries(
            "`companion up MODEL`", "flask", "prometheus_client", extra="serving"
        )
    ports = _choose_ports(mlflow_port, None if model is None else port)
    if model is not None:
        _check_folder(model)
    from companion.tracking.server import prepare_folder

    try:
        prepare_folder(folder)
        (folder / "logs").mkdir(exist_ok=True)
    except OSError as err:
        raise SettingError(
            f"The folder {folder} cannot be used: {err.strerror}. Choose another with "
            "--folder."
        ) from err
    parts = list(_make_parts(model, folder, ports))
    click.echo("Starting MLflow, which takes a few seconds …", err=True)
    run_stack(parts, over=over, on_ready=lambda part: _greet(part, parts, folder))
    click.echo("Stopped.")


def _end_with_signals() -> threading.Event:
    parent = os.getppid()
    over = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # nohup ignores it: the stack is meant to stay.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: over.set())
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watch_parent(parent, over.set)
    return over


def _check_folder(model: str) -> None:
    """Refuse a folder that cannot be served before MLflow takes its seconds."""
    from companion.serving.models.addresses import resolve_model
    from companion.serving.models.folder import read_model_folder

    # What an address leads to, only the MLflow of this stack knows.
    if not model.startswith(("models:/", "runs:/")):
        read_model_folder(resolve_model(model).path)


def _choose_ports(mlflow_port: int, port: int | None) -> list[int]:
    if mlflow_port == port != 0:
        raise SettingError(
            f"--mlflow-port and --port are both {port}; give each server its own."
        )
    wanted = [(mlflow_port, "--mlflow-port")]
    if port is not None:
        wanted.append((port, "--port"))
    with ExitStack() as looks:  # together, so that two free ports are not the same
        taken = [
            looks.enter_context(take_port(_HOST, number, option=option))
            for number, option in wanted
        ]
        return [int(one.getsockname()[1]) for one in taken]


def _make_parts(model: str | None, folder: Path, ports: list[int]) -> Iterator[Part]:
    from companion.tracking.server import mlflow_server_command, mlflow_server_environ

    mlflow_url = f"http://{_HOST}:{ports[0]}"
    yield Part(
        name="MLflow",
        command=mlflow_server_command(folder, port=ports[0]),
        url=mlflow_url,
        ready_path="/health",
        environ=mlflow_server_environ(),
        log=folder / "logs" / "mlflow.log",
    )
    if model is None:
        return
    # Here a registry's address means this MLflow, and the server has host and port.
    unwanted = {"MLFLOW_REGISTRY_URI", SETTINGS["unix-socket"].variable}
    environ = {name: text for name, text in os.environ.items() if name not in unwanted}
    yield Part(
        name="The model server",
        command=[
            # -P: not a companion.py that happens to lie in the working folder.
            *(sys.executable, "-P", "-m", "companion", "serve"),
            *("--host", _HOST, "--port", str(ports[1]), "--", model),
        ],
        url=f"http://{_HOST}:{ports[1]}",
        ready_path="/health/ready",
        environ=environ | {"MLFLOW_TRACKING_URI": mlflow_url},
        log=folder / "logs" / "model-server.log",
    )


def _greet(part: Part, parts: list[Part], folder: Path) -> None:
    click.echo(f"{part.name} runs on {part.url}")
    if part is parts[0]:
        from companion.tracking.server import mark_ready

        mark_ready(folder)
        click.echo(
            f"  keeps its data in  {folder}\n"
            f"  to use it          {_EXPORT} MLFLOW_TRACKING_URI={part.url}"
        )
    else:
        click.echo(
            f"  rows and answers   {part.url}/openapi.json\n"
            "  predictions        companion predictions"
        )
    if part is parts[-1]:
        click.echo(
            f"The logs are in {shlex.quote(str(folder / 'logs'))}. Stop with Ctrl-C."
        )
    sys.stdout.flush()
