"""`/metrics`: what the server counted, and how things are now, for Prometheus."""

from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, request
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

from companion.errors import CompanionError
from companion.serving.log import PredictionLog
from companion.serving.metrics import ServerMetrics
from companion.serving.models.routing import Router, loaded_models
from companion.serving.reloads import read_reloads

__all__ = ["metrics_views"]


def metrics_views(
    metrics: ServerMetrics, router: Router, log: PredictionLog, shared: Path | None
) -> Blueprint:
    """Make the view `/metrics`."""
    views = Blueprint("metrics", __name__)
    now = _Now(router, log, shared)

    @views.get("/metrics")
    def page() -> Response:
        accept = request.headers.get("Accept", "")
        content, content_type = metrics.page(accept, now)
        return Response(content, content_type=content_type)

    return views


class _Now:
    """What is looked up for each scrape; what cannot be seen is left out."""

    def __init__(self, router: Router, log: PredictionLog, shared: Path | None) -> None:
        self._router = router
        self._log = log
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        yield self._models()
        yield self._reloads()
        try:
            behind = self._log.behind()
        except CompanionError:  # /health/ready says why
            return
        yield GaugeMetricFamily(
            "companion_log_behind_bytes",
            "Bytes of the journal that are not in the database yet.",
            behind.bytes,
        )
        yield GaugeMetricFamily(
            "companion_log_behind_seconds",
            "Age of the oldest record that is not in the database yet.",
            behind.seconds,
        )

    def _models(self) -> Metric:
        models = InfoMetricFamily(
            "companion_model", "A model that answers; the value is always 1.", labels=()
        )
        for model in loaded_models(self._router):
            labels = {
                "model": model.folder.name,
                "version": model.folder.version,
                "engine": model.engine.name,
            }
            models.add_metric([], labels)
        return models

    def _reloads(self) -> Metric:
        reloads = read_reloads(self._shared)
        family = CounterMetricFamily(
            "companion_reloads", "Reloads of the model.", labels=["outcome"]
        )
        family.add_metric(["failed"], reloads.failed)
        family.add_metric(["succeeded"], reloads.succeeded)
        return family
