"""What two runs of one program have given, compared to the last digit."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from companion.tracking.data.logged import read_logged
from companion.tracking.runs.record import MEASURED

__all__ = ["Compared", "Deviation", "compare_packages", "compare_runs"]

_Series = list[tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Something that the two runs do not have in common.

    Attributes
    ----------
    kind : str
        "metric", "parameter", "data", or "code".
    name : str
        What MLflow calls it.
    step : int or None
        Of a metric: the first step that deviates.
    recorded, again : str or float or None
        Its value then and now; None where there is none.
    """

    kind: str
    name: str
    step: int | None = None
    recorded: str | float | None
    again: str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The result of a comparison.

    Attributes
    ----------
    deviations : tuple of Deviation
        None if the runs are the same.
    n_metrics, n_values, n_params, n_datasets : int
        How many the recorded run has, without those that were to be ignored.
    """

    deviations: tuple[Deviation, ...]
    n_metrics: int
    n_values: int
    n_params: int
    n_datasets: int


def compare_runs(
    recorded: Any, again: Any, *, clients: tuple[Any, Any], ignore: Iterable[str] = ()
) -> Compared:
    """Compare metrics at each step, parameters, data and code of two runs.

    `ignore` names metrics and parameters that may differ; `*` stands for any
    characters.
    """
    patterns = tuple(ignore)
    metrics = [
        _read_metrics(client, run, patterns)
        for client, run in zip(clients, (recorded, again), strict=True)
    ]
    params = [_leave(run.data.params, patterns) for run in (recorded, again)]
    data = [_read_data(run) for run in (recorded, again)]
    code = [_read_code(run) for run in (recorded, again)]
    return Compared(
        deviations=(
            *_compare_metrics(*metrics),
            *_compare_values("parameter", *params),
            *_compare_values("data", *data),
            *_compare_values("code", *code),
        ),
        n_metrics=len(metrics[0]),
        n_values=sum(map(len, metrics[0].values())),
        n_params=len(params[0]),
        n_datasets=len(data[0]),
    )


def _leave(found: Mapping[str, Any], patterns: Iterable[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in found.items()
        if not any(fnmatchcase(name, one) for one in patterns)
    }


def _read_metrics(client: Any, run: Any, patterns: Iterable[str]) -> dict[str, _Series]:
    return {
        # Those of one step have no order that MLflow keeps; a NaN has none at all.
        name: sorted(
            (
                (one.step, float(one.value))
                for one in client.get_metric_history(run.info.run_id, name)
            ),
            key=lambda point: (point[0], math.isnan(point[1]), point[1]),
        )
        for name in _leave(run.data.metrics, patterns)
        if not name.startswith(MEASURED)
    }


def _read_data(run: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in read_logged(run):
        name = f"{one.name} ({one.context})" if one.context else one.name
        value = one.sha256 or one.digest
        # One name may stand for several versions, such as one a year.
        found[name] = ", ".join(sorted({value, *found.get(name, value).split(", ")}))
    return found


def _read_code(run: Any) -> dict[str, str]:
    names = ("mlflow.source.git.commit", "companion.git_state", "companion.seed")
    return {name: run.data.tags[name] for name in names if name in run.data.tags}


def _compare_metrics(
    recorded: dict[str, _Series], again: dict[str, _Series]
) -> Iterable[Deviation]:
    for name in sorted({*recorded, *again}):
        old, new = recorded.get(name, []), again.get(name, [])
        length = max(len(old), len(new))
        for was, now in zip(_fill(old, length), _fill(new, length), strict=True):
            if was and now and was[0] == now[0] and _is_same(was[1], now[1]):
                continue
            step = min(one[0] for one in (was, now) if one)
            yield Deviation(
                kind="metric",
                name=name,
                step=step,
                recorded=was[1] if was and was[0] == step else None,
                again=now[1] if now and now[0] == step else None,
            )
            break


def _fill(series: _Series, length: int) -> list[tuple[int, float] | None]:
    return [*series, *[None] * (length - len(series))]


def _is_same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _compare_values(
    kind: str, recorded: dict[str, str], again: dict[str, str]
) -> Iterable[Deviation]:
    for name in sorted({*recorded, *again}):
        old, new = recorded.get(name), again.get(name)
        if old != new:
            yield Deviation(kind=kind, name=name, recorded=old, again=new)


def compare_packages(recorded: str, now: str) -> dict[str, tuple[str, str]]:
    """Compare two lists of packages, a line each; return what differs, by name.

    Each value is the version then and now; one that was not installed is "".
    """
    old, new = _read_packages(recorded), _read_packages(now)
    return {
        name: (old.get(name, ""), new.get(name, ""))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }


def _read_packages(lines: str) -> dict[str, str]:
    found = {}
    for line in lines.splitlines():
        name, _, version = line.replace(" @ ", "==", 1).partition("==")
        found[name] = version
    return found
