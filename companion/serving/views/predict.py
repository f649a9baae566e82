"""`/predict` and `/invocations`: rows in, one answer a row out.

`/predict` is ours; `/invocations` speaks as MLflow's scoring server does.
"""

import logging
import time
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from companion.serving.http.bodies import read_body, read_text, write_mlflow
from companion.serving.http.csv import CSV_TYPE, rows_of_csv
from companion.serving.http.formats import (
    GivenRows,
    rows_of_invocation,
    rows_of_prediction,
)
from companion.serving.http.responses import current_request_id, reply, reply_json
from companion.serving.log import PredictionLog, make_predictions
from companion.serving.models.answers import RowAnswer
from companion.serving.models.engine import Answer, Model
from companion.serving.models.routing import Router
from companion.store import Prediction

__all__ = ["predict_views"]

# A client that makes up names must not fill the server's log.
_MOST_WARNED = 1000
_MOST_NAMED = 20

_logger = logging.getLogger(__name__)


def predict_views(router: Router, log: PredictionLog, *, max_rows: int) -> Blueprint:
    """Make the views that answer rows, `/predict` and `/invocations`.

    The router chooses the model of each request. Each prediction is in the log before
    its answer leaves.
    """
    views = Blueprint("predict", __name__)
    warned: set[str] = set()

    def answer(
        model: Model,
        given: GivenRows,
        request_id: str,
        started: float,
        *,
        drop_unknown: bool = False,
    ) -> tuple[Answer, list[Prediction]]:
        checked = model.check(given.rows, max_rows=max_rows, drop_unknown=drop_unknown)
        if checked.dropped:
            warn_of(checked.dropped)
        answered = model.answer(checked, given.params)
        predictions = make_predictions(
            model,
            checked,
            answered,
            request_id=request_id,
            created_at=datetime.now(UTC),
            # The checks and the model; not the time that the client took to send.
            latency_ms=(time.perf_counter() - started) * 1000.0,
        )
        log.write(predictions)
        return answered, predictions

    def warn_of(columns: frozenset[str]) -> None:
        """Log once that columns are left out; only names that are new."""
        new = sorted(name[:80] for name in columns if name[:80] not in warned)
        if new and len(warned) < _MOST_WARNED:
            warned.update(new)
            _logger.warning(
                "/invocations left out columns that the model does not know: %s",
                ", ".join(map(repr, new[:_MOST_NAMED])),
            )

    @views.post("/predict")
    def predict() -> Response:
        request_id = current_request_id()
        model, body = router.choose(request_id).get_for_client(), read_body()
        started = time.perf_counter()
        given = rows_of_prediction(body, model.folder.contract)
        answered, predictions = answer(model, given, request_id, started)
        pairs = zip(predictions, answered.rows, strict=True)
        content = {
            "request_id": request_id,
            "model": {"name": model.folder.name, "version": model.folder.version},
            "predictions": [_item(one.id, row) for one, row in pairs],
        }
        return reply_json(content, request_id=request_id)

    @views.post("/invocations")
    def invocations() -> Response:
        request_id = current_request_id()
        model = router.choose(request_id).get_for_client()
        contract = model.folder.contract
        if request.mimetype == CSV_TYPE:
            text = read_text()
            started = time.perf_counter()
            given = GivenRows(rows_of_csv(text, contract))
        else:
            body = read_body()
            started = time.perf_counter()
            given = rows_of_invocation(body, contract)
        answered, _ = answer(model, given, request_id, started, drop_unknown=True)
        content = write_mlflow(answered.raw, bare=given.is_bare)
        return reply(content, request_id=request_id)

    return views


def _item(prediction_id: str, answer: RowAnswer) -> dict[str, Any]:
    item: dict[str, Any] = {"id": prediction_id, "value": answer.value}
    if answer.label is not None:
        item["label"] = answer.label
    if answer.probabilities is not None:
        item["probabilities"] = answer.probabilities
    if answer.outputs is not None:
        item["outputs"] = answer.outputs
    return item
