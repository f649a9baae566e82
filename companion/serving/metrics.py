"""What a server counts, and the page on which Prometheus reads it.

One process keeps its numbers in a registry of its own. Several workers of one server
share theirs through files, prometheus_client's multiprocess mode, for a scrape reaches
one worker only and must show all: then `PROMETHEUS_MULTIPROC_DIR` names the folder.
`companion.serving.run.shared` makes it. What is true at the moment of a scrape, such as
how much waits in the journal, is not counted here: `companion.serving.views.metrics`
looks it up.

References
----------
Prometheus, "Metric and label naming", https://prometheus.io/docs/practices/naming/:
an application's prefix, base units, the unit as suffix, `_total` for what only grows,
and no label whose values have no end.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from companion.serving.http.problems import Problem

__all__ = ["OTHER", "ServerMetrics"]

# The label of a path or a method that the server does not know: a client that sends a
# thousand strange ones must not make a thousand time series.
OTHER = "other"

_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_FAILED = "500"  # of an answer that never began

_Start = Callable[..., Any]
_Application = Callable[..., Iterable[bytes]]  # WSGI's


class _Collector(Protocol):
    def collect(self) -> Iterable[Metric]: ...


class ServerMetrics:
    """The numbers of one server, as seen from one of its processes."""

    def __init__(self) -> None:
        self._folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "companion_requests",
            "Requests answered, by method, path and HTTP status.",
            ["method", "path", "status"],
            registry=registry,
        )
        self._durations = Histogram(
            "companion_request_duration_seconds",
            "Time from the head of a request until its answer is ready to be sent.",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._in_progress = Gauge(
            "companion_requests_in_progress",
            "Requests being answered at this moment, the one for this page included.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._refusals = Counter(
            "companion_refusals",
            "Requests that got a problem instead of an answer, by reason: the type of "
            "the problem, or for refused rows each code of what is wrong with them.",
            ["reason"],
            registry=registry,
        )
        self._predictions = Counter(
            "companion_predictions",
            "Predictions given, one for each row of an answered request.",
            ["model", "version"],
            registry=registry,
        )
        self._rows = Histogram(
            "companion_request_rows",
            "Rows of each answered request.",
            buckets=_ROWS,
            registry=registry,
        )
        self._lost = Counter(
            "companion_lost_predictions",
            "Predictions given that could not be logged.",
            registry=registry,
        )
        self._labels = Counter(
            "companion_labels",
            "Labels taken on /feedback.",
            registry=registry,
        )
        workers = Gauge(
            "companion_workers",
            "Processes that answer requests.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        workers.set(1)
        # `labels` takes its time, so each child is looked up once.
        self._by_request: dict[tuple[str, str, str], Counter] = {}
        self._by_model: dict[tuple[str, str], Counter] = {}

    def watch(self, app: _Application, paths: Collection[str]) -> _Application:
        """Wrap a WSGI application so that its requests are counted and timed.

        `paths` are those that it answers.
        """
        known = frozenset(paths)
        durations = {path: self._durations.labels(path) for path in (*known, OTHER)}
        in_progress = self._in_progress

        def watched(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
            status = _FAILED

            def note_status(line: str, *arguments: Any) -> Any:
                nonlocal status
                status = line[:3]
                return start(line, *arguments)

            path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
            path = path if path in known else OTHER
            in_progress.inc()
            began = time.perf_counter()
            try:
                return app(environ, note_status)
            finally:
                durations[path].observe(time.perf_counter() - began)
                in_progress.dec()
                self._count_request(method, path, status)

        return watched

    def count_predictions(self, model: str, version: str, n_rows: int) -> None:
        """Count the predictions of one answered request."""
        key = model, version
        counter = self._by_model.get(key)
        if counter is None:
            counter = self._by_model[key] = self._predictions.labels(*key)
        counter.inc(n_rows)
        self._rows.observe(n_rows)

    def count_lost(self, n_predictions: int) -> None:
        """Count predictions that were given and not logged."""
        self._lost.inc(n_predictions)

    def count_labels(self, n_labels: int) -> None:
        """Count labels that were taken and logged."""
        self._labels.inc(n_labels)

    def count_problem(self, problem: Problem) -> None:
        """Count a problem that was sent; once for each reason that it names."""
        codes = {entry["reason"] for entry in problem.errors}
        for reason in codes or {problem.kind.slug}:
            self._refusals.labels(reason).inc()

    def count_unread(self, problem: Problem) -> None:
        """Count a request that was refused before it reached the application."""
        self.count_problem(problem)
        self._count_request(OTHER, OTHER, str(problem.kind.status))

    def lost(self) -> int:
        """Return how many predictions were given and not logged, by all workers."""
        found = self._shown().get_sample_value("companion_lost_predictions_total")
        return int(found or 0)

    def page(self, accept: str, *collectors: _Collector) -> tuple[bytes, str]:
        """Write the page, and say of which content type it is.

        `accept` is the header of who asks. The collectors add what is true now.
        """
        registry = self._shown()
        for collector in collectors:
            registry.register(collector)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def _shown(self) -> CollectorRegistry:
        """Make a registry of what all processes of the server have counted."""
        registry = CollectorRegistry()
        if self._folder is None:
            registry.register(_WithoutCreated(self._registry))
        else:
            # prometheus_client gives this class no types.
            MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return registry

    def _count_request(self, method: str, path: str, status: str) -> None:
        key = method if method in _METHODS else OTHER, path, status
        counter = self._by_request.get(key)
        if counter is None:
            counter = self._by_request[key] = self._requests.labels(*key)
        counter.inc()


class _WithoutCreated:
    """A registry without the times at which its series began.

    prometheus_client adds one to each, and only outside its multiprocess mode.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if not sample.name.endswith("_created")
            ]
            yield metric
