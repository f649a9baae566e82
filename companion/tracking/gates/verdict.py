"""What a gate found: the outcome of each check, and the evidence behind it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from companion.monitoring.intervals import Interval

__all__ = ["Check", "Comparison", "Contestant", "Outcome", "Slice", "Verdict"]

Outcome = Literal["pass", "fail", "unclear", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure held against one limit.

    Attributes
    ----------
    group : str
        Table of the rules that it belongs to.
    title : str
        What was looked at.
    outcome : {"pass", "fail", "unclear", "shown"}
        "unclear" where the rows are too few to tell; "shown" where no rule has a limit,
        or the rows are too few to be judged.
    measured, limit : str
        Both as text, with unit; no limit is an empty text.
    """

    group: str
    title: str
    outcome: Outcome
    measured: str
    limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same figure of both models on the same rows; lower is better.

    Attributes
    ----------
    title, unit : str
        What it is a mean of.
    challenger, champion : Interval
        Each on its own.
    difference : Interval
        Challenger less champion, row by row: this is what is judged.
    margin : float or None
        How much worse the challenger may be.
    """

    title: str
    unit: str
    challenger: Interval
    champion: Interval
    difference: Interval
    margin: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of the rows; `difference` as in `Comparison`."""

    column: str
    value: str
    n_rows: int
    difference: Interval
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One of the two models.

    Attributes
    ----------
    name, version : str
        What it is called.
    size_bytes : int
        Size of its files.
    latency_ms : sequence of float
        Time of each answer to one row; empty if it was not timed.
    reliability : sequence of (float, float, int)
        Mean prediction, mean outcome and rows of each bin; empty for labels.
    calibration_error : float or None
        Mean distance of the two; None for labels.
    """

    name: str
    version: str
    size_bytes: int
    latency_ms: Sequence[float]
    reliability: Sequence[tuple[float, float, int]]
    calibration_error: float | None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name}, version {self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a gate; `run_gate` makes one.

    Attributes
    ----------
    outcome : {"pass", "fail", "unclear"}
        "pass": no check failed, and the challenger is shown to be no worse than the
        margin allows. "fail": a check failed. "unclear": too few rows to tell.
    challenger, champion : Contestant
    task : {"classes", "numbers"}
    n_rows : int
        Rows that both answered.
    quality : Comparison
    cost : Comparison or None
    slices : sequence of Slice
    checks : sequence of Check
    rules : mapping
        The rules that were held against them.
    """

    outcome: Literal["pass", "fail", "unclear"]
    challenger: Contestant
    champion: Contestant
    task: str
    n_rows: int
    quality: Comparison
    cost: Comparison | None
    slices: Sequence[Slice]
    checks: Sequence[Check]
    rules: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict with all its evidence as JSON values."""
        return asdict(self)
