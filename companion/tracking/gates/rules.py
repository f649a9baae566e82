"""The rules of a gate: what is compared, and what a challenger may not exceed.

They are kept in one small TOML file beside the code. Every limit that is not given is
not checked, except those on the data.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from companion.errors import SettingError

__all__ = [
    "METRICS",
    "CalibrationRules",
    "CostRules",
    "DataRules",
    "GateRules",
    "LatencyRules",
    "QualityRules",
    "SizeRules",
    "SliceRules",
    "WrongDecision",
    "read_rules",
]

# What each metric is a mean of, a loss for each row: lower is better.
METRICS = {
    "brier": "classes",
    "log_loss": "classes",
    "error": "classes",
    "absolute_error": "numbers",
    "squared_error": "numbers",
}
_TASKS = ("classes", "numbers")


def _number(default: Any, *, low: float = 0.0, high: float = math.inf) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "kind": float})


def _count(default: int, *, low: int = 0) -> Any:
    return field(default=default, metadata={"low": low, "high": math.inf, "kind": int})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongDecision:
    """What it costs to decide for `answer` where `truth` was right."""

    truth: str
    answer: str
    cost: float


class _Checked:
    """Checks the numbers of a table of rules."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]  # the children are dataclasses
            kind = one.metadata.get("kind")
            value = getattr(self, one.name)
            if kind is None or (value is None and one.default is None):
                continue
            low, high = one.metadata["low"], one.metadata["high"]
            is_number = isinstance(value, int | kind) and not isinstance(value, bool)
            if not (is_number and math.isfinite(value) and low <= value <= high):
                what = "a whole number" if kind is int else "a number"
                until = "on" if high == math.inf else f"to {high:g}"
                raise SettingError(
                    f"{one.name} is {value!r}; expected {what} from {low:g} {until}."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRules(_Checked):
    """How much worse than the champion the challenger may be.

    Attributes
    ----------
    margin : float
        Non-inferiority margin: the mean loss of the challenger, less that of the
        champion, must lie at or below it with the confidence `level`.
    metric : str, optional
        A key of `METRICS`; by default "brier" where both models give probabilities,
        "error" for labels, "absolute_error" for numbers.
    level : float, default=0.95
        Confidence of the intervals.
    block_rows : int, default=1
        Neighboring rows that are resampled together: 7 for days that depend on the
        weather of their week, 1 for independent rows.
    seed : int, default=0
        Seed of the resampling.
    """

    margin: float = field(metadata={"low": 0.0, "high": math.inf, "kind": float})
    metric: str | None = None
    level: float = _number(0.95, low=0.5, high=0.9999)
    block_rows: int = _count(1, low=1)
    seed: int = _count(0)

    def __post_init__(self) -> None:
        _Checked.__post_init__(self)
        if self.metric is not None and self.metric not in METRICS:
            raise SettingError(
                f"metric is {self.metric!r}; expected one of {', '.join(METRICS)}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRules(_Checked):
    """What wrong answers cost; right ones cost nothing.

    Attributes
    ----------
    wrong : tuple of WrongDecision
        For classes: the cost of each wrong decision. What is not listed costs nothing.
    over, under : float, optional
        For numbers: the cost of each unit that an answer is too high, or too low.
    margin : float, optional
        How much more a row may cost than with the champion; not checked by default.
    unit : str
        Unit of the costs, such as "EUR a day".
    """

    wrong: tuple[WrongDecision, ...] = ()
    over: float | None = _number(None)
    under: float | None = _number(None)
    margin: float | None = _number(None)
    unit: str = "EUR a row"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRules(_Checked):
    """Parts of the rows in which the challenger must not be clearly worse.

    Attributes
    ----------
    columns : tuple of str
        Columns of the data, features or not. Numbers of many values are cut into
        quarters of the rows.
    margin : float, optional
        As that of the quality, which is the default.
    min_rows : int, default=30
        Smaller slices are shown, not judged.
    """

    columns: tuple[str, ...] = ()
    margin: float | None = _number(None)
    min_rows: int = _count(30, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRules(_Checked):
    """How far answers may lie from what came, on average.

    Attributes
    ----------
    max_error : float, optional
        Largest calibration error: a share for classes, in the target's unit for
        numbers.
    n_bins : int, default=10
        Bins of equally many rows.
    """

    max_error: float | None = _number(None)
    n_bins: int = _count(10, low=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRules(_Checked):
    """How long the challenger may take to answer one row.

    Attributes
    ----------
    max_ms : float, optional
        Largest time of 95 % of the answers, in milliseconds.
    max_ratio : float, optional
        Largest median time, as a multiple of the champion's.
    """

    max_ms: float | None = _number(None)
    max_ratio: float | None = _number(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRules(_Checked):
    """How large the challenger's files may be.

    Attributes
    ----------
    max_mb : float, optional
        In megabytes (10^6 bytes).
    max_ratio : float, optional
        As a multiple of the champion's.
    """

    max_mb: float | None = _number(None)
    max_ratio: float | None = _number(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRules(_Checked):
    """What the data must be like for its evidence to count.

    Attributes
    ----------
    min_rows : int, default=100
        Fewest rows.
    max_missing, max_outside, max_duplicates : float
        Largest share of missing cells, of rows with a number outside the range that
        the challenger was trained for, which a server would refuse, and of rows that
        repeat an earlier one.
    """

    min_rows: int = _count(100, low=1)
    max_missing: float = _number(0.1, high=1.0)
    max_outside: float = _number(0.05, high=1.0)
    max_duplicates: float = _number(0.1, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The rules of a gate; `read_rules` reads them from a file.

    Attributes
    ----------
    target : str
        Column of the data that holds what was right.
    task : {"classes", "numbers"}, optional
        What the models answer; by default found out from the challenger's answers.
    quality, cost, slices, calibration, latency, size, data
        The tables of rules.
    """

    target: str
    quality: QualityRules
    task: str | None = None
    cost: CostRules | None = None
    slices: SliceRules = field(default_factory=SliceRules)
    calibration: CalibrationRules = field(default_factory=CalibrationRules)
    latency: LatencyRules = field(default_factory=LatencyRules)
    size: SizeRules = field(default_factory=SizeRules)
    data: DataRules = field(default_factory=DataRules)

    def __post_init__(self) -> None:
        if type(self.target) is not str or not self.target:
            raise SettingError(
                f"target is {self.target!r}; expected the name of a column."
            )
        if self.task is not None and self.task not in _TASKS:
            raise SettingError(
                f"task is {self.task!r}; expected {' or '.join(map(repr, _TASKS))}."
            )


_TABLES: Mapping[str, type[Any]] = {
    "quality": QualityRules,
    "cost": CostRules,
    "slices": SliceRules,
    "calibration": CalibrationRules,
    "latency": LatencyRules,
    "size": SizeRules,
    "data": DataRules,
}
_Table = TypeVar("_Table")


def read_rules(source: str | Path | Mapping[str, Any]) -> GateRules:
    """Read the rules of a gate from a TOML file, or from what such a file holds.

    Parameters
    ----------
    source : str, pathlib.Path or mapping
        The file, or its content; `target` and `margin` in the table `quality` must be
        in it.

    Returns
    -------
    GateRules

    Raises
    ------
    SettingError
        If there is no such file, it is not TOML, or a rule is unknown or out of range.

    Examples
    --------
    >>> rules = read_rules({"target": "price", "quality": {"margin": 500}})
    >>> rules.quality.level, rules.data.min_rows
    (0.95, 100)
    """
    if isinstance(source, Mapping):
        return _build(source)
    try:
        return _build(tomllib.loads(Path(source).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingError(
            f'There is no file of rules {source}. Write one: target = "COLUMN" names '
            "what was right, and the table [quality] needs a margin, how much worse "
            "than the champion the challenger may be."
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise SettingError(f"The rules {source} cannot be read: {err}.") from err
    except (tomllib.TOMLDecodeError, SettingError) as err:
        raise SettingError(f"The rules {source} cannot be used: {err}") from err


def _build(given: Mapping[str, Any]) -> GateRules:
    values = {
        name: _build_table(name, value) if name in _TABLES else value
        for name, value in given.items()
    }
    return _make(GateRules, values, "")


def _build_table(name: str, given: object) -> Any:
    if not isinstance(given, dict):
        raise SettingError(f"{name} is {given!r}; expected a table [{name}].")
    values = dict(given)
    if "columns" in values:
        values["columns"] = _texts("columns", values["columns"])
    if "wrong" in values:
        values["wrong"] = _wrong(values["wrong"])
    try:
        return _make(_TABLES[name], values, f" in [{name}]")
    except SettingError as err:
        where = "" if f"[{name}]" in str(err) else f"In [{name}], "
        raise SettingError(f"{where}{err}") from None


def _make(kind: type[_Table], values: Mapping[str, Any], where: str) -> _Table:
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]  # dataclasses
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise SettingError(
                f"there is no rule {name!r}{where}; there are {', '.join(known)}.{hint}"
            )
    for name, one in known.items():
        needed = one.default is MISSING and one.default_factory is MISSING
        if needed and name not in values:
            what = f"the table [{name}]" if name in _TABLES else f"{name!r}{where}"
            raise SettingError(f"{what} is missing; it has no default.")
    return kind(**values)


def _texts(name: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise SettingError(f"{name} is {given!r}; expected a list of texts.")
    return tuple(given)


def _wrong(given: object) -> tuple[WrongDecision, ...]:
    found = []
    for one in given if isinstance(given, list) else [given]:
        if not (
            isinstance(one, dict)
            and set(one) == {"truth", "answer", "cost"}
            and type(one["cost"]) in (int, float)
            and 0 <= one["cost"] < math.inf
        ):
            raise SettingError(
                f"wrong has the entry {one!r}; expected entries such as "
                "{truth = 1, answer = 0, cost = 120}."
            )
        truth, answer = (_label(one[key]) for key in ("truth", "answer"))
        found.append(WrongDecision(truth=truth, answer=answer, cost=float(one["cost"])))
    return tuple(found)


def _label(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
