"""`/predict` and `/invocations`: rows in, one answer a row out.

`/predict` is ours; `/invocations` speaks as MLflow's scoring server does.
"""

import time
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response

from companion.serving.http.bodies import read_body, write_mlflow
from companion.serving.http.formats import rows_of_invocation, rows_of_prediction
from companion.serving.http.responses import current_request_id, reply, reply_json
from companion.serving.log import PredictionLog
from companion.serving.models.engine import Answer, Model
from companion.serving.models.routing import Router
from companion.store import Prediction

__all__ = ["predict_views"]


def predict_views(router: Router, log: PredictionLog, *, max_rows: int) -> Blueprint:
    """Make the views that answer rows, `/predict` and `/invocations`.

    The router chooses the model of each request. Each prediction is in the log before
    its answer leaves.
    """
    views = Blueprint("predict", __name__)

    def answer(
        model: Model, rows: list[Any], request_id: str, started: float
    ) -> tuple[Answer, list[Prediction]]:
        checked = model.folder.contract.check(rows, max_rows=max_rows)
        given = model.answer(checked)
        created_at = datetime.now(UTC)
        # The checks and the model; not the time that the client took to send.
        latency_ms = (time.perf_counter() - started) * 1000.0
        pairs = enumerate(zip(rows, given.numbers, strict=True))
        predictions = [
            Prediction(
                id=f"{request_id}-{number}",
                request_id=request_id,
                created_at=created_at,
                model_name=model.folder.name,
                model_version=model.folder.version,
                inputs=row,
                value=value,
                latency_ms=latency_ms,
            )
            for number, (row, value) in pairs
        ]
        log.write(predictions)
        return given, predictions

    @views.post("/predict")
    def predict() -> Response:
        request_id = current_request_id()
        model, body = router.choose(request_id).get_for_client(), read_body()
        started = time.perf_counter()
        rows = rows_of_prediction(body)
        _, predictions = answer(model, rows, request_id, started)
        content = {
            "request_id": request_id,
            "model": {"name": model.folder.name, "version": model.folder.version},
            "predictions": [{"id": p.id, "value": p.value} for p in predictions],
        }
        return reply_json(content, request_id=request_id)

    @views.post("/invocations")
    def invocations() -> Response:
        request_id = current_request_id()
        model, body = router.choose(request_id).get_for_client(), read_body()
        started = time.perf_counter()
        rows = rows_of_invocation(body, model.folder.contract)
        given, _ = answer(model, rows, request_id, started)
        return reply(write_mlflow(given.raw), request_id=request_id)

    return views
