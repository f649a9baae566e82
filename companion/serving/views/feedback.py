"""`/feedback`: labels in, once it is known what was true of a prediction."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response

from companion.contract.refusals import Refusals
from companion.contract.rows import check_number_of_rows
from companion.errors import SettingError
from companion.serving.http.bodies import read_body, read_json
from companion.serving.http.formats import labels_of_feedback
from companion.serving.http.responses import current_exchange, reply_json
from companion.serving.log import PredictionLog
from companion.store.records import Label, make_label
from companion.store.records.fields import check_text

__all__ = ["feedback_views"]

_MEMBERS = ("id", "label")
_EXPECTED = 'an object such as {"id": "...", "label": "rain"}'


def feedback_views(log: PredictionLog, *, max_labels: int) -> Blueprint:
    """Make the view that takes labels.

    They are in the journal before the answer leaves. Whether the log has their
    predictions is not looked up: these may be on their way, or in another server.
    """
    views = Blueprint("feedback", __name__)

    @views.post("/feedback")
    def feedback() -> Response:
        items = labels_of_feedback(read_json(read_body()))
        check_number_of_rows(items, max_labels, noun="labels")
        labels = _check(items, datetime.now(UTC))
        log.write_labels(labels)
        content = {"request_id": current_exchange().request_id, "labels": len(labels)}
        return reply_json(content, status=202)

    return views


def _check(items: Sequence[Any], now: datetime) -> list[Label]:
    """Make the records; RefusedError names each item that holds no label."""
    refusals = Refusals()
    labels = []
    for number, item in enumerate(items):
        # Of two labels of one prediction the later one counts.
        given_at = now + timedelta(microseconds=number)
        if not isinstance(item, dict):
            refusals.add(
                "wrong_type",
                f"Label {number} is not an object.",
                given=item,
                expected=_EXPECTED,
                row=number,
            )
        elif item.keys() != set(_MEMBERS):
            missing = [name for name in _MEMBERS if name not in item]
            refusals.add(
                "missing" if missing else "unknown",
                f"Label {number} must have the members `id` and `label` and no other.",
                given=", ".join(sorted(item)) or "no members",
                expected=_EXPECTED,
                row=number,
                column=missing[0] if missing else None,
            )
        else:
            column = "id"
            try:
                check_text("id", item["id"])
                column = "label"
                labels.append(
                    make_label(item["id"], item["label"], created_at=given_at)
                )
            except SettingError as err:
                given = item[column]
                endless = isinstance(given, float) and not math.isfinite(given)
                refusals.add(
                    "not_finite" if endless else "wrong_type",
                    f"Label {number} cannot be used: {err}.",
                    given=given,
                    expected="text of 1 to 200 characters"
                    + ("" if column == "id" else ", a number, true or false"),
                    row=number,
                    column=column,
                )
    refusals.raise_if_any()
    return labels
