"""Holds the figures of both models against the rules."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from companion.contract.ranges import Range
from companion.tracking.gates.measuring import judge
from companion.tracking.gates.rules import (
    CalibrationRules,
    DataRules,
    GateRules,
    LatencyRules,
    SizeRules,
)
from companion.tracking.gates.verdict import (
    Check,
    Comparison,
    Contestant,
    Outcome,
    Slice,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_calibration",
    "check_classes",
    "check_comparison",
    "check_latency",
    "check_rows",
    "check_size",
    "check_slices",
]

_MB = 1e6
_TIMES = "times the champion's"


def check_rows(
    data: "pd.DataFrame",
    features: "pd.DataFrame",
    ranges: Mapping[str, Range],
    rules: DataRules,
) -> list[Check]:
    """Check whether the data can be evidence at all."""
    n_cells = max(features.size, 1)
    missing = float(features.isna().to_numpy().sum()) / n_cells
    repeated = float(data.duplicated().mean())
    # A server refuses the whole row for one number outside its range.
    outside = np.zeros(len(data), dtype=bool)
    limited = [name for name in ranges if name in features]
    for name in limited:
        known = features[name].notna().to_numpy()
        numbers = features[name][known].astype("float64")
        inside = numbers.between(ranges[name].lowest, ranges[name].highest)
        outside[known] |= ~inside.to_numpy()
    checks = [
        Check(
            group="data",
            title="rows",
            outcome=_at_most(rules.min_rows, len(data)),
            measured=f"{len(data):,}",
            limit=f"at least {rules.min_rows:,}",
        ),
        _share("cells that are missing", missing, rules.max_missing),
        _share("rows that repeat an earlier one", repeated, rules.max_duplicates),
    ]
    if limited:
        title = "rows with a number outside the challenger's ranges"
        share = float(outside.sum()) / max(len(data), 1)
        checks.append(_share(title, share, rules.max_outside))
    return checks


def check_classes(truth: NDArray[np.object_], classes: Sequence[str]) -> list[Check]:
    """Check that the challenger knows all classes of the data; some name none."""
    if not classes:
        return []
    unknown = sorted(set(truth) - set(classes))
    return [
        Check(
            group="data",
            title="classes that the challenger does not know",
            outcome="fail" if unknown else "pass",
            measured=", ".join(unknown) or "none",
            limit="none",
        )
    ]


def check_comparison(
    group: str, compared: Comparison, *, n_rows: int, block: int
) -> Check:
    """Check that the challenger is not worse than the margin allows."""
    difference, margin = compared.difference, compared.margin
    unit = f" {compared.unit}" if compared.unit else ""
    measured = (
        f"{difference.mean:+.4g} ({100 * difference.level:g} % interval "
        f"{difference.low:+.4g} to {difference.high:+.4g}){unit}"
    )
    return Check(
        group=group,
        title=f"{compared.title}, challenger less champion",
        outcome="shown" if margin is None else judge(difference, margin, n_rows, block),
        measured=measured,
        limit="" if margin is None else f"upper end at most {margin:+.4g}{unit}",
    )


def check_slices(slices: Sequence[Slice], rules: GateRules) -> list[Check]:
    """Check that no part of the rows is clearly worse."""
    if not slices:
        return []
    margin = rules.slices.margin
    margin = rules.quality.margin if margin is None else margin
    failed = [f"{one.column} {one.value}" for one in slices if one.outcome == "fail"]
    n_judged = sum(one.outcome != "shown" for one in slices)
    return [
        Check(
            group="slices",
            title=f"clearly worse of {n_judged} slices",
            outcome="fail" if failed else "pass",
            measured=", ".join(failed) or "none",
            limit=f"none by more than {margin:.4g}",
        )
    ]


def check_calibration(
    challenger: Contestant, champion: Contestant, rules: CalibrationRules
) -> list[Check]:
    """Check that predictions agree with what came."""
    error, limit = challenger.calibration_error, rules.max_error
    if error is None:
        if limit is None:
            return []
        return [
            Check(
                group="calibration",
                title="calibration error",
                outcome="fail",
                measured="the challenger gives no probabilities",
                limit=f"at most {limit:.4g}",
            )
        ]
    other = champion.calibration_error
    beside = "" if other is None else f" (champion {other:.4g})"
    return [
        Check(
            group="calibration",
            title="calibration error",
            outcome="shown" if limit is None else _at_most(error, limit),
            measured=f"{error:.4g}{beside}",
            limit="" if limit is None else f"at most {limit:.4g}",
        )
    ]


def check_latency(
    challenger: Contestant, champion: Contestant, rules: LatencyRules
) -> list[Check]:
    """Check how long one row takes."""
    own, other = np.asarray(challenger.latency_ms), np.asarray(champion.latency_ms)
    high = float(np.quantile(own, 0.95))
    ratio = float(np.median(own) / np.median(other))
    title = "one-row answer, 95 % of them within"
    return [
        _limited("latency", title, high, rules.max_ms, "ms"),
        _limited("latency", "median of one row", ratio, rules.max_ratio, _TIMES),
    ]


def check_size(
    challenger: Contestant, champion: Contestant, rules: SizeRules
) -> list[Check]:
    """Check how large the files are."""
    own, other = challenger.size_bytes, champion.size_bytes
    return [
        _limited("size", "files", own / _MB, rules.max_mb, "MB"),
        _limited("size", "files", own / other, rules.max_ratio, _TIMES),
    ]


def _limited(
    group: str, title: str, value: float, limit: float | None, unit: str
) -> Check:
    return Check(
        group=group,
        title=title,
        outcome="shown" if limit is None else _at_most(value, limit),
        measured=f"{value:.4g} {unit}",
        limit="" if limit is None else f"at most {limit:g} {unit}",
    )


def _share(title: str, value: float, limit: float) -> Check:
    return Check(
        group="data",
        title=title,
        outcome=_at_most(value, limit),
        measured=f"{100 * value:.3g} %",
        limit=f"at most {100 * limit:.3g} %",
    )


def _at_most(value: float, limit: float) -> Outcome:
    return "pass" if value <= limit else "fail"
