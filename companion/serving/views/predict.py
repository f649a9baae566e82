"""`/predict` and `/invocations`: rows in, one answer a row out.

`/predict` is ours; `/invocations` speaks as MLflow's scoring server does.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from companion.serving.http.bodies import read_body, read_text, write_mlflow
from companion.serving.http.csv import CSV_TYPE, rows_of_csv
from companion.serving.http.exchange import Exchange
from companion.serving.http.formats import (
    GivenRows,
    rows_of_invocation,
    rows_of_prediction,
)
from companion.serving.http.responses import (
    current_exchange,
    find_problem,
    reply,
    reply_json,
)
from companion.serving.log import PredictionLog
from companion.serving.models.answers import RowAnswer
from companion.serving.models.engine import Answer, Model
from companion.serving.models.recording import make_predictions
from companion.serving.models.routing import Router
from companion.store import FailedRequest, Prediction

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
    warner = _Warner()

    def answer(
        model: Model,
        given: GivenRows,
        exchange: Exchange,
        started: float,
        *,
        drop_unknown: bool = False,
    ) -> tuple[Answer, list[Prediction]]:
        checked = model.check(given.rows, max_rows=max_rows, drop_unknown=drop_unknown)
        if checked.dropped:
            warner.warn_of(checked.dropped)
        answered = model.answer(checked, given.params)
        predictions = make_predictions(
            model.folder,
            checked,
            answered.rows,
            params=answered.params,
            request_id=exchange.request_id,
            trace_id=exchange.trace_id,
            created_at=datetime.now(UTC),
            # The checks and the model; not the time that the client took to send.
            latency_ms=(time.perf_counter() - started) * 1000.0,
        )
        log.write(predictions, model.folder.profile)
        exchange.model = model.folder.name, model.folder.version
        return answered, predictions

    def recorded(view: Callable[[Model, Exchange], Response]) -> Callable[[], Response]:
        """Give a view its model, and write to the log that a request failed."""

        def run() -> Response:
            exchange = current_exchange()
            started = time.perf_counter()
            model = None
            try:
                model = router.choose(exchange.request_id).get_for_client()
                return view(model, exchange)
            except Exception as err:
                latency_ms = (time.perf_counter() - started) * 1000.0
                log.write_failure(_failed_request(err, exchange, model, latency_ms))
                raise

        return run

    def predict(model: Model, exchange: Exchange) -> Response:
        body = read_body()
        started = time.perf_counter()
        given = rows_of_prediction(body, model.folder.contract)
        answered, predictions = answer(model, given, exchange, started)
        pairs = zip(predictions, answered.rows, strict=True)
        content = {
            "request_id": exchange.request_id,
            "model": {"name": model.folder.name, "version": model.folder.version},
            "predictions": [_item(one.id, row) for one, row in pairs],
        }
        return reply_json(content)

    def invocations(model: Model, exchange: Exchange) -> Response:
        contract = model.folder.contract
        if request.mimetype == CSV_TYPE:
            text = read_text()
            started = time.perf_counter()
            given = GivenRows(rows_of_csv(text, contract))
        else:
            body = read_body()
            started = time.perf_counter()
            given = rows_of_invocation(body, contract)
        answered, _ = answer(model, given, exchange, started, drop_unknown=True)
        content = write_mlflow(answered.raw, bare=given.is_bare)
        return reply(content)

    views.post("/predict", endpoint="predict")(recorded(predict))
    views.post("/invocations", endpoint="invocations")(recorded(invocations))
    return views


class _Warner:
    """Logs once that columns are left out; only names that are new."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def warn_of(self, columns: frozenset[str]) -> None:
        new = sorted({name[:80] for name in columns} - self._warned)
        if new and len(self._warned) < _MOST_WARNED:
            self._warned.update(new)
            _logger.warning(
                "/invocations left out columns that the model does not know: %s",
                ", ".join(map(repr, new[:_MOST_NAMED])),
            )


def _failed_request(
    err: Exception, exchange: Exchange, model: Model | None, latency_ms: float
) -> FailedRequest:
    problem = find_problem(err)
    return FailedRequest(
        id=exchange.request_id,
        trace_id=exchange.trace_id,
        created_at=datetime.now(UTC),
        status=problem.kind.status,
        problem=problem.kind.slug,
        reason=problem.errors[0]["reason"] if problem.errors else None,
        model_name=model.folder.name if model else None,
        model_version=model.folder.version if model else None,
        latency_ms=latency_ms,
    )


def _item(prediction_id: str, answer: RowAnswer) -> dict[str, Any]:
    item: dict[str, Any] = {"id": prediction_id, "value": answer.value}
    if answer.label is not None:
        item["label"] = answer.label
    if answer.probabilities is not None:
        item["probabilities"] = answer.probabilities
    if answer.outputs is not None:
        item["outputs"] = answer.outputs
    return item
