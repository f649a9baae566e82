"""`companion serve`: put a model behind an API."""

from pathlib import Path
from typing import Any

import click

from companion.commands._options import journal_option, setting_option, store_option
from companion.system.extras import require_libraries

__all__ = ["command"]


class _Origin(click.ParamType[str]):
    """An origin; several in the variable have commas between them."""

    name = "origin"
    envvar_list_splitter = ","

    def convert(self, value: str, _param: object, _context: object) -> str:
        return value.strip()


@click.command(
    "serve",
    epilog="Example: companion serve models/terrace --port 8001",
    short_help="Serve a model with checks, a prediction log and health pages.",
)
@click.argument("model")
@click.option(
    "--name",
    "model_name",
    metavar="NAME",
    help="Name in answers and in the log.  [default: the registry's or the folder's]",
)
@click.option(
    "--model-version",
    metavar="VERSION",
    help="Version in answers and in the log.  [default: as for the name]",
)
@click.option(
    "--example",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON file of rows to prove the model on.  [default: the folder's own]",
)
@setting_option("host")
@setting_option("port", type=click.IntRange(0, 65535))
@setting_option(
    "unix-socket", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH"
)
@setting_option("keep-alive", type=click.IntRange(min=1), metavar="SECONDS")
@click.option(
    "--no-auth", is_flag=True, help="Listen without a token where others can ask."
)
@setting_option("cors-origin", type=_Origin(), multiple=True)
@setting_option("root-path", metavar="PATH")
@click.option(
    "--trust-proxy",
    is_flag=True,
    help="Believe the X-Forwarded-* headers of the one proxy in front of the server.",
)
@setting_option("workers", type=click.IntRange(min=1))
@setting_option("threads", type=click.IntRange(min=1))
@setting_option("max-concurrent", type=click.IntRange(min=1))
@setting_option("request-timeout", type=click.IntRange(min=1), metavar="SECONDS")
@setting_option("engine", type=click.Choice(["auto", "native", "onnx"]))
@store_option
@journal_option
@setting_option("max-rows", type=click.IntRange(min=1))
@setting_option("max-body", type=click.IntRange(min=1), metavar="BYTES")
@setting_option("max-header-bytes", type=click.IntRange(min=1), metavar="BYTES")
@setting_option("log-failure", type=click.Choice(["refuse", "answer"]))
@click.option(
    "--access-log", is_flag=True, help="Print a line of JSON for each request."
)
def command(*, max_body: int, **options: Any) -> None:
    """Serve the model MODEL.

    MODEL is a folder in MLflow's model format, the same that `mlflow models serve`
    takes; or models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID or
    runs:/RUN/PATH, which are looked up where MLFLOW_TRACKING_URI says.

    POST rows to /predict, or in MLflow's own formats to /invocations. Rows that
    the model cannot use are refused with the reason. Every answered prediction
    is in the journal before its answer leaves, and in the store a second later.
    POST labels that come later to /feedback.

    Ctrl-C and SIGTERM let running requests finish. After a crash the next start
    brings what waits in the journal into the store, and so does `companion ship`.
    """
    needed = ("flask", "numpy", "prometheus_client", "yaml")
    require_libraries("`companion serve`", *needed, extra="serving")
    from companion.serving.config import ServerConfig
    from companion.serving.run.server import serve

    serve(ServerConfig(max_body_bytes=max_body, **options))
