"""Checkers of Lab 1."""

import datetime as dt
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from companion.exercises import (
    Verdict,
    check_number,
    check_table,
    kind,
    not_yet,
    right,
    shown,
)
from companion.exercises._queries import check_query, example_log

if TYPE_CHECKING:
    from companion.store import Prediction

__all__ = ["CHECKERS"]

# How long the reader's function may go on after its time is up.
_GRACE_S = 8.0
# How long it may wait for a server that becomes ready.
_READY_TIMEOUT_S = 5.0


def _check_classes(answer: object) -> Verdict:
    import pandas as pd

    from companion.terrace import load_weather

    weather = load_weather()
    years = pd.DatetimeIndex(weather.index).year
    counts = {
        "called_rain": weather["weather"].eq("rain").groupby(years).sum(),
        "rain_measured": weather["precipitation_mm"].gt(0).groupby(years).sum(),
    }
    return check_table(
        answer,
        pd.DataFrame(counts),
        tolerance=0,
        hint="Count days, year by year: those whose class is the word rain, "
        "and those with more than 0 mm.",
        remark="The rain stays and the word goes.",
    )


def _check_other_year(answer: object) -> Verdict:
    eur = _extra_costs_eur()
    rounded = "That is rounded. Hand over the number as it came out."
    return check_number(
        answer,
        eur["2015"],
        unit="EUR a day",
        slips=[
            (
                eur["2014"],
                "That is the difference of 2014. Ask for the days from 2015-01-01 on.",
            ),
            (
                eur["trained again"],
                "That model has also learned from 2014. Keep the one of the lab.",
            ),
            (
                eur["both years"],
                "That is 2014 and 2015 together. Start the test days in 2015.",
            ),
            (round(eur["2015"]), rounded),
        ],
        hint="Compare the costs on the days of 2015, and take `mean`.",
        remark="Two years, two verdicts.",
    )


@functools.cache
def _extra_costs_eur() -> Mapping[str, float]:
    # How much more the model costs than the rule, EUR a day: the right figure and
    # those of common mistakes.
    from companion.terrace import (
        CostTable,
        load_weather,
        make_features,
        make_target,
        naive_rule,
        predict_rain,
        split_by_time,
        train_model,
    )

    weather = load_weather()
    features, target = make_features(weather), make_target(weather)
    lab = split_by_time(features, target, test_start="2014-01-01")
    later = split_by_time(features, target, test_start="2015-01-01")
    model = train_model(lab.train_features, lab.train_target)
    trained_again = train_model(later.train_features, later.train_target)

    def extra_cost(model: Any, days: Any, rained: Any) -> float:
        costs = CostTable()
        of_model = costs.cost_by_day(rained, predict_rain(model, days))
        of_rule = costs.cost_by_day(rained, naive_rule(days))
        return float((of_model - of_rule).mean())

    days, rained = lab.test_features, lab.test_target
    return {
        "2014": extra_cost(model, days.loc["2014"], rained.loc["2014"]),
        "2015": extra_cost(model, later.test_features, later.test_target),
        "both years": extra_cost(model, days, rained),
        "trained again": extra_cost(
            trained_again, later.test_features, later.test_target
        ),
    }


def _check_other_costs(answer: object) -> Verdict:
    still_holds = "Look at both ends of the interval: one of them is not below 0 there."
    return check_number(
        answer,
        240,
        tolerance=0,
        unit="EUR",
        slips=[
            (
                120,
                f"120 EUR are the costs of the lab, where the rule won. {still_holds}",
            ),
            (160, still_holds),
            (320, "There it does, too, but a smaller amount of the four is enough."),
        ],
        hint="Choose among the four amounts. For which is `high` below 0?",
        remark="A probability can move its threshold, the rule cannot.",
    )


def _check_query(answer: object) -> Verdict:
    with example_log(_example_predictions()) as log:
        return check_query(
            answer,
            log,
            {
                "model_version": ["1", "2"],
                "predictions": [3, 2],
                "terrace_in": [2, 1],
                "longest_ms": [7.0, 4.0],
            },
            parameter=0.4,
            log_is="a small log of two versions",
            hint="For each version count the rows, sum those whose value is the "
            "threshold or more, and take the largest latency.",
            remark="The same query will compare versions once there are more.",
        )


def _example_predictions() -> "list[Prediction]":
    # A value at the threshold, and a longest latency in the middle.
    from companion.store import Prediction

    rows = [
        ("a", "1", 0.39, 1.0),
        ("b", "1", 0.40, 7.0),
        ("c", "1", 0.95, 2.0),
        ("d", "2", 0.10, 3.0),
        ("e", "2", 0.70, 4.0),
    ]
    return [
        Prediction(
            id=id_,
            request_id="request",
            created_at=dt.datetime(2014, 3, 1, tzinfo=dt.UTC),
            model_name="terrace",
            model_version=version,
            inputs={},
            value=value,
            latency_ms=latency_ms,
        )
        for id_, version, value, latency_ms in rows
    ]


def _check_wait(answer: object) -> Verdict:
    from companion.system import free_port

    if not callable(answer):
        return not_yet(
            f"Your answer is {kind(answer)}; the function itself is expected, "
            "by its name and without ()."
        )
    with _slow_server() as (url, requested):
        try:
            waited = _run_in_time(answer, url, timeout_s=_READY_TIMEOUT_S)
        except _StillWaitingError as err:
            return not_yet(
                f"A server was ready at the third request, and {err}. "
                "When does your loop end?"
            )
        except Exception as err:  # noqa: BLE001 - the reader's function may raise anything
            return not_yet(
                "A server answered 503 twice and then 200, but your "
                f"function raised {type(err).__name__}: {err}. Ask again after a 503."
            )
    verdict = _check_waited(waited, requested)
    if not verdict.passed:
        return verdict
    return _without_server(answer, f"http://127.0.0.1:{free_port()}")


def _check_waited(waited: object, requested: list[str]) -> Verdict:
    if "/health/ready" not in requested:
        paths = ", ".join(sorted(set(requested))) or "nothing"
        return not_yet(f"Your function requested {paths}. Which address says *ready*?")
    if requested.count("/health/ready") < 3:
        return not_yet(
            "Your function returned while the server still said 503. "
            "Not every answer means ready: look at its status."
        )
    if waited is None:
        return not_yet(
            "Your function returned None. It lacks a `return` with the seconds waited."
        )
    return check_number(waited, 2.5, tolerance=1, hint="Return the seconds waited.")


def _without_server(wait: Callable[..., Any], url: str) -> Verdict:
    try:
        returned = _run_in_time(wait, url, timeout_s=0.4)
    except _StillWaitingError as err:
        return not_yet(
            f"Nothing listened, and {err}. "
            "Look at the clock in each round, and raise TimeoutError."
        )
    except TimeoutError as err:
        if len(str(err)) < 10:
            return not_yet(
                "It raises TimeoutError, but with too short a reason: "
                f"{shown(str(err))}. Say for whom it waited, how long, and why."
            )
        return right("Ready is the question, not alive.")
    except Exception as err:  # noqa: BLE001 - the reader's function may raise anything
        return not_yet(
            f"Where nothing listens your function raised {type(err).__name__} "
            "instead of TimeoutError. Catch it and try again until the time is up."
        )
    return not_yet(
        f"Where nothing listens your function returned {shown(returned)}. "
        "After `timeout_s` it should raise TimeoutError."
    )


class _StillWaitingError(Exception):
    pass


def _run_in_time(wait: Callable[..., Any], url: str, timeout_s: float) -> object:
    # A loop without an end must not take the notebook with it: no thread can be
    # ended from outside, but a daemon does not keep the kernel alive.
    results: list[tuple[object, BaseException | None]] = []

    def call() -> None:
        try:
            results.append((wait(url, timeout_s=timeout_s), None))
        except BaseException as err:  # noqa: BLE001 - raised again below, also an exit
            results.append((None, err))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    allowed_s = timeout_s + _GRACE_S
    thread.join(allowed_s)
    if not results:
        raise _StillWaitingError(
            f"with timeout_s={timeout_s:g} your function was still waiting after "
            f"{allowed_s:g} seconds"
        )
    returned, error = results[0]
    if error is not None:
        raise error
    return returned


@contextmanager
def _slow_server() -> Iterator[tuple[str, list[str]]]:
    # Alive at once, ready at the third request.
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            ready = self.path != "/health/ready" or requested.count(self.path) > 2
            body = b'{"status": "ready"}' if ready else b'{"status": "starting"}'
            self.send_response(200 if ready else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing: the cell shows the verdict alone."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requested
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "lab1.1": _check_classes,
    "lab1.2": _check_other_year,
    "lab1.3": _check_other_costs,
    "lab1.4": _check_query,
    "lab1.5": _check_wait,
}
