"""The Flask application around a model.

Routes only translate: a body into rows, an answer into JSON, an error into a
problem. The checks are in `companion.contract.rows`, the model in
`companion.serving.models.model`, the log in `companion.serving.log`. Any WSGI server
can run the application; `companion serve` does, and ships its journal.
Introduced in Lab 1.
"""

import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from companion import __version__
from companion.errors import CompanionError, SettingError
from companion.serving.http.bodies import read_json, write_mlflow
from companion.serving.http.formats import rows_of_invocation, rows_of_prediction
from companion.serving.http.problems import ProblemError
from companion.serving.http.responses import (
    JSON_TYPE,
    current_request_id,
    reply,
    reply_to_error,
)
from companion.serving.log import PredictionLog
from companion.serving.models.model import Answer, Model
from companion.serving.models.source import ModelSource
from companion.serving.views.openapi import describe
from companion.settings import SETTINGS
from companion.store import Journal, Prediction, journal_folder

__all__ = [
    "DEFAULT_MAX_BODY_BYTES",
    "DEFAULT_MAX_ROWS",
    "MODEL_SOURCE",
    "create_app",
]

# Key of the model's source in the application's `extensions`.
MODEL_SOURCE = "companion.model"

DEFAULT_MAX_ROWS = 1000
DEFAULT_MAX_BODY_BYTES = 1024 * 1024

_ENCODE = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def create_app(
    model: str | Path,
    *,
    store: str | None = None,
    journal: str | Path | None = None,
    max_rows: int = DEFAULT_MAX_ROWS,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    log_failure: str = "refuse",
) -> Flask:
    """Make the application that serves one model.

    A model that cannot be loaded does not raise here: the application then
    answers 503, says why under ``/health/ready``, and tries again.

    Parameters
    ----------
    model : str or Path
        A folder in MLflow's model format.
    store : str, optional
        SQLAlchemy address of the database that the log belongs to, by default
        ``sqlite:///companion.db``. The application writes the journal beside
        it; `companion ship` brings the journal into the database.
    journal : str or Path, optional
        Folder of the journal, where it is not the store's own.
    max_rows : int, default=1000
        Most rows of one request.
    max_body_bytes : int, default=1 MiB
        Most bytes of one request's body.
    log_failure : {"refuse", "answer"}, default="refuse"
        What to do with an answer that cannot be logged: give none, or give it
        and count it.

    Returns
    -------
    flask.Flask
        The application.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    """
    if log_failure not in ("refuse", "answer"):
        raise SettingError(
            f"log_failure is {log_failure!r}; expected 'refuse' or 'answer'."
        )
    if max_rows < 1 or max_body_bytes < 1:
        raise SettingError(
            f"max_rows is {max_rows} and max_body_bytes is {max_body_bytes}; both "
            "must be at least 1."
        )
    folder = journal_folder(store or SETTINGS["store"].default or "", journal)
    server = _Server(
        source=ModelSource(model),
        log=PredictionLog(Journal(folder), answer_without=log_failure == "answer"),
        max_rows=max_rows,
    )
    app = Flask("companion.serving", static_folder=None)
    app.extensions[MODEL_SOURCE] = server.source
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.post("/predict")(server.predict)
    app.post("/invocations")(server.invocations)
    app.get("/health/live")(server.live)
    app.get("/health/ready")(server.ready)
    app.get("/version")(server.version)
    app.get("/openapi.json")(server.openapi)
    # MLflow's clients and SageMaker ask here.
    app.add_url_rule("/ping", view_func=server.ping)
    app.add_url_rule("/health", view_func=server.ping, endpoint="health")
    app.register_error_handler(Exception, reply_to_error)
    return app


class _Server:
    """The views; they share the model and the log."""

    def __init__(
        self, *, source: ModelSource, log: PredictionLog, max_rows: int
    ) -> None:
        self.source = source
        self.log = log
        self._max_rows = max_rows

    def predict(self) -> Response:
        model, body = self._model(), _read_body()
        started = time.perf_counter()
        rows = rows_of_prediction(body)
        request_id = current_request_id()
        _, predictions = self._answer(model, rows, request_id, started)
        content = _ENCODE(
            {
                "request_id": request_id,
                "model": {"name": model.folder.name, "version": model.folder.version},
                "predictions": [{"id": p.id, "value": p.value} for p in predictions],
            }
        )
        return reply(content, request_id=request_id)

    def invocations(self) -> Response:
        model, body = self._model(), _read_body()
        started = time.perf_counter()
        rows = rows_of_invocation(body, model.folder.contract)
        request_id = current_request_id()
        answer, _ = self._answer(model, rows, request_id, started)
        return reply(write_mlflow(answer.raw), request_id=request_id)

    def _answer(
        self, model: Model, rows: list[Any], request_id: str, started: float
    ) -> tuple[Answer, list[Prediction]]:
        folder = model.folder
        checked = folder.contract.check(rows, max_rows=self._max_rows)
        answer = model.answer(checked)
        created_at = datetime.now(UTC)
        # The checks and the model; not the time that the client took to send.
        latency_ms = (time.perf_counter() - started) * 1000.0
        pairs = enumerate(zip(rows, answer.numbers, strict=True))
        predictions = [
            Prediction(
                id=f"{request_id}-{number}",
                request_id=request_id,
                created_at=created_at,
                model_name=folder.name,
                model_version=folder.version,
                inputs=row,
                value=value,
                latency_ms=latency_ms,
            )
            for number, (row, value) in pairs
        ]
        self.log.write(predictions)  # before the answer leaves
        return answer, predictions

    def _model(self) -> Model:
        try:
            return self.source.get()
        except CompanionError as err:
            # The reason names folders of this machine; it is for those who run it.
            raise ProblemError(
                "no-model", "The model cannot be used now. /health/ready says why."
            ) from err

    def live(self) -> Response:
        return reply(_ENCODE({"live": True}))

    def ready(self) -> Response:
        reasons = []
        try:
            self.source.get().try_example()
        except Exception as err:  # noqa: BLE001 - whatever a model raises, it is not ready
            reasons.append(_reason(err))
        try:
            self.log.probe()
        except CompanionError as err:
            reasons.append(str(err))
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "lost_predictions": self.log.lost,
        }
        return reply(_ENCODE(body), status=503 if reasons else 200)

    def ping(self) -> Response:
        self._model()
        return reply("\n")

    def version(self) -> Response:
        folder = self._model().folder
        body = {
            "companion": __version__,
            "python": platform.python_version(),
            "model": {"name": folder.name, "version": folder.version},
        }
        return reply(_ENCODE(body))

    def openapi(self) -> Response:
        document = describe(self._model().folder, max_rows=self._max_rows)
        return reply(_ENCODE(document))


def _read_body() -> object:
    environ = request.environ
    # The header as nearly every client writes it needs no parsing.
    if environ.get("CONTENT_TYPE") != JSON_TYPE or "HTTP_CONTENT_ENCODING" in environ:
        _check_content_type()
    content = request.get_data(cache=False)
    # Without a declared length, Werkzeug cuts a body that is too long: there is
    # more to read after the limit.
    limit = request.max_content_length or float("inf")
    if (
        request.content_length is None
        and len(content) >= limit
        and environ["wsgi.input"].read(1)
    ):
        raise RequestEntityTooLarge
    return read_json(content)


def _check_content_type() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if (
        request.mimetype == JSON_TYPE
        and charset in ("utf-8", "utf8")
        and encoding == "identity"
    ):
        return
    given = request.headers.get("Content-Type")
    kind = f"as {given[:80]!r}" if given else "without a content type"
    packed = "" if encoding == "identity" else f", encoded as {encoding[:20]!r}"
    raise ProblemError(
        "wrong-content-type",
        f"The body was sent {kind}{packed}; send it as {JSON_TYPE}, in "
        "UTF-8 and not compressed.",
    )


def _reason(err: Exception) -> str:
    if isinstance(err, CompanionError):
        return str(err)
    return f"The model does not answer its own example: {type(err).__name__}."
