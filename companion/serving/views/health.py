"""Health pages: is the process alive, can it answer and log, which model is it."""

import platform
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from companion import __version__
from companion.errors import CompanionError, RefusedError
from companion.serving.http.responses import current_exchange, reply, reply_json
from companion.serving.log import PredictionLog
from companion.serving.models.engine import Model
from companion.serving.models.routing import Router, loaded_models
from companion.serving.reloads import read_reloads

__all__ = ["health_views"]


def health_views(router: Router, log: PredictionLog, shared: Path | None) -> Blueprint:
    """Make the views for those who run the server, and for load balancers.

    They are `/health/live`, `/health/ready`, `/ping`, `/health` and `/version`. The
    server is ready only while the log can be written. It says why it is not to those
    who send the server's token, or to everyone if there is none.
    """
    views = Blueprint("health", __name__)

    @views.get("/health/live")
    def live() -> Response:
        return reply_json({"live": True})

    @views.get("/health/ready")
    def ready() -> Response:
        reasons = []
        for source in router.sources:
            try:
                reasons += _complaints(source.get())
            except CompanionError as err:
                reasons.append(str(err))
        try:
            log.probe()
        except CompanionError as err:
            reasons.append(str(err))
        content: dict[str, Any] = {"ready": not reasons}
        if current_exchange().is_trusted:
            content |= {
                "reasons": reasons,
                "lost_predictions": log.lost,
                "log_behind": _behind(log),
                "reload_failed": _failed_reload(shared),
            }
        return reply_json(content, status=503 if reasons else 200)

    # MLflow's clients and SageMaker ask here.
    @views.get("/ping")
    @views.get("/health")
    def ping() -> Response:
        for source in router.sources:
            source.get_for_client()
        return reply("\n")

    @views.get("/version")
    def version() -> Response:
        model = router.sources[0].get_for_client()
        content = {
            "companion": __version__,
            "python": platform.python_version(),
            "model": model.describe(),
            "engine": model.engine.describe(),
            "models": [
                one.describe() | {"engine": one.engine.describe()}
                for one in loaded_models(router)
            ],
        }
        return reply_json(content)

    return views


def _failed_reload(shared: Path | None) -> dict[str, Any] | None:
    """Say why the last reload failed; the server stays ready with the old model."""
    reloads = read_reloads(shared)
    if reloads.failure is None:
        return None
    return {"at": reloads.failed_at, "reason": reloads.failure}


def _behind(log: PredictionLog) -> dict[str, Any] | None:
    """Say how far the database is behind the journal; a server stays ready with it.

    An answered prediction is safe in the journal. Whether an hour of delay matters is
    for those who read the log to say.
    """
    try:
        behind = log.behind()
    except CompanionError:  # one of the reasons says it
        return None
    return {"bytes": behind.bytes, "seconds": round(behind.seconds, 3)}


def _complaints(model: Model) -> list[str]:
    """Try a model on its example; list why it fails, if it does."""
    try:
        model.try_example()
    except Exception as err:  # noqa: BLE001 - whatever it raises, it is not ready
        # A refusal may repeat a value of the example.
        if isinstance(err, CompanionError) and not isinstance(err, RefusedError):
            return [str(err)]
        name = f"{model.folder.name}, version {model.folder.version},"
        reason = f"The model {name} does not answer its own example"
        return [f"{reason}: {type(err).__name__}."]
    return []
