"""`/predict` and `/invocations`: rows in, one answer a row out.

`/predict` is ours; `/invocations` speaks as MLflow's scoring server does.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from companion.contract.rows import Checked
from companion.serving.http.bodies import (
    find_rows,
    read_body,
    read_json,
    read_text,
    write_json,
    write_mlflow,
)
from companion.serving.http.csv import CSV_TYPE, rows_of_csv
from companion.serving.http.exchange import Exchange
from companion.serving.http.formats import (
    LISTS_OF_INVOCATION,
    LISTS_OF_PREDICTION,
    AnyContract,
    GivenRows,
    rows_of_invocation,
    rows_of_prediction,
)
from companion.serving.http.many_rows import LONG, read_many_rows
from companion.serving.http.responses import current_exchange, find_problem, reply
from companion.serving.log import PredictionLog
from companion.serving.models.answers import RowAnswer
from companion.serving.models.engine import Answer, Model
from companion.serving.models.recording import record_predictions
from companion.serving.models.routing import Router
from companion.store import FailedRequest

__all__ = ["PredictAnswers", "predict_views"]

ReadBody = Callable[[], bytes]

# A client that makes up names must not fill the server's log.
_MOST_WARNED = 1000
_MOST_NAMED = 20

_logger = logging.getLogger(__name__)


class PredictAnswers:
    """What `/predict` and `/invocations` answer to a body, apart from HTTP.

    The router chooses the model of each request. Each prediction is in the log before
    its answer leaves, and so is a request that failed.
    """

    def __init__(self, router: Router, log: PredictionLog, *, max_rows: int) -> None:
        self._router = router
        self._log = log
        self._max_rows = max_rows
        self._warner = _Warner()

    def predict(self, read: ReadBody, exchange: Exchange) -> bytes:
        """Answer the JSON body that `read` returns with JSON; see `/predict`."""
        return self._recorded(self._predict, read, exchange)

    def invocations(self, read: ReadBody, exchange: Exchange) -> bytes:
        """Answer the JSON body that `read` returns with JSON; see `/invocations`."""
        return self._recorded(self._invocations, read, exchange)

    def invocations_csv(self, read: Callable[[], str], exchange: Exchange) -> bytes:
        """Answer the CSV that `read` returns with JSON; see `/invocations`."""
        return self._recorded(self._invocations_csv, read, exchange)

    def _recorded(
        self,
        view: Callable[[Model, Callable[[], Any], Exchange], bytes],
        read: Callable[[], Any],
        exchange: Exchange,
    ) -> bytes:
        """Give a view its model, and write to the log that a request failed."""
        started = time.perf_counter()
        model = None
        try:
            model = self._router.choose(exchange.request_id).get_for_client()
            return view(model, read, exchange)
        except Exception as err:
            latency_ms = (time.perf_counter() - started) * 1000.0
            self._log.write_failure(_failed_request(err, exchange, model, latency_ms))
            raise

    def _predict(self, model: Model, read: ReadBody, exchange: Exchange) -> bytes:
        answered, _ = self._answer_body(
            model, read(), exchange, LISTS_OF_PREDICTION, rows_of_prediction
        )
        folder, request_id = model.folder, exchange.request_id
        answer = {
            "request_id": request_id,
            "model": {"name": folder.name, "version": folder.version},
            "predictions": [
                _item(f"{request_id}-{number}", row)
                for number, row in enumerate(answered.rows)
            ],
        }
        return write_json(answer)

    def _invocations(self, model: Model, read: ReadBody, exchange: Exchange) -> bytes:
        answered, is_bare = self._answer_body(
            model,
            read(),
            exchange,
            LISTS_OF_INVOCATION,
            rows_of_invocation,
            drop_unknown=True,
        )
        return write_mlflow(answered.raw, bare=is_bare)

    def _invocations_csv(
        self, model: Model, read: Callable[[], str], exchange: Exchange
    ) -> bytes:
        text = read()
        started = time.perf_counter()
        rows = rows_of_csv(text, model.folder.contract)
        checked = model.check(rows, max_rows=self._max_rows, drop_unknown=True)
        return write_mlflow(self._answer(model, checked, {}, exchange, started).raw)

    def _answer_body(
        self,
        model: Model,
        content: bytes,
        exchange: Exchange,
        lists: tuple[str, ...],
        find: Callable[[object, AnyContract], GivenRows],
        *,
        drop_unknown: bool = False,
    ) -> tuple[Answer, bool]:
        """Answer the rows of a body; also tell whether it was itself the row."""
        contract = model.folder.contract
        if len(content) >= LONG:
            started = time.perf_counter()  # rows are checked while they are read
            most = 1 if model.answers_one_row else self._max_rows
            many = read_many_rows(content, lists, contract, max_rows=most)
            if many is not None:
                return self._answer(model, many, {}, exchange, started), False
        body = read_json(content)
        started = time.perf_counter()
        given = find(body, contract)
        checked = model.check(
            given.rows, max_rows=self._max_rows, drop_unknown=drop_unknown
        )
        if checked.array is not None:
            checked = checked._replace(text=find_rows(content, body, given.rows))
        answered = self._answer(model, checked, given.params, exchange, started)
        return answered, given.is_bare

    def _answer(
        self,
        model: Model,
        checked: Checked,
        params: Mapping[str, Any],
        exchange: Exchange,
        started: float,
    ) -> Answer:
        if checked.dropped:
            self._warner.warn_of(checked.dropped)
        answered = model.answer(checked, params)
        records = record_predictions(
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
        self._log.write(records, model.folder.profile)
        exchange.model = model.folder.name, model.folder.version
        return answered


def predict_views(answers: PredictAnswers) -> Blueprint:
    """Make the views that answer rows, `/predict` and `/invocations`."""
    views = Blueprint("predict", __name__)

    @views.post("/predict")
    def predict() -> Response:
        return reply(answers.predict(read_body, current_exchange()))

    @views.post("/invocations")
    def invocations() -> Response:
        exchange = current_exchange()
        if request.mimetype == CSV_TYPE:
            return reply(answers.invocations_csv(read_text, exchange))
        return reply(answers.invocations(read_body, exchange))

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
