"""The plots of a gate as SVG: intervals against the margin, calibration, latency.

Colors come from the page's style sheet, which has a light and a dark set; an outcome
also has a shape of its own. Texts stay readable on a phone: the plots are 400 units
wide, about a phone's width in pixels.
"""

import math
from collections.abc import Sequence
from html import escape

from companion.tracking.gates.verdict import Outcome, Verdict

__all__ = ["plot_calibration", "plot_intervals", "plot_latency"]

_WIDTH, _PAD = 400.0, 12.0
_ROW = 36.0


class _Axis:
    """Places numbers between two ends of the plot, and chooses round ticks."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        if high <= low:
            low, high = low - 1, high + 1
        room = 0.06 * (high - low)
        self.low, self.high = low - room, high + room
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        raw = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]


def plot_intervals(verdict: Verdict) -> str:
    """Draw each difference with its interval, beside 0 and the margin."""
    quality = verdict.quality
    margin = quality.margin or 0.0
    outcome = next(one.outcome for one in verdict.checks if one.group == "quality")
    rows = [("all rows", verdict.n_rows, quality.difference, outcome)]
    rows += [
        (f"{one.column} {one.value}", one.n_rows, one.difference, one.outcome)
        for one in verdict.slices
    ]
    ends = [end for _, _, one, _ in rows for end in (one.low, one.high)]
    axis = _Axis(min(0.0, *ends), max(margin, *ends), _PAD, _WIDTH - _PAD)
    bottom = _PAD + _ROW * len(rows) + 8
    parts = [
        _line(axis.at(0), 4, axis.at(0), bottom, "zero"),
        _line(axis.at(margin), 4, axis.at(margin), bottom, "margin"),
    ]
    for number, (name, n_rows, one, result) in enumerate(rows):
        top = _PAD + _ROW * number
        y = top + 22
        parts += [
            _text(_PAD, top + 10, f"{name} ({n_rows:,} rows)"),
            _line(axis.at(one.low), y, axis.at(one.high), y, f"interval {result}"),
            _mark(axis.at(one.mean), y, result),
        ]
    parts += _ticks_below(axis, bottom)
    parts.append(_text(_PAD, bottom + 34, "← challenger better", css="note"))
    parts.append(_text(_WIDTH - _PAD, bottom + 34, "worse →", css="note", anchor="end"))
    said = (
        f"{quality.title}, challenger less champion: {quality.difference.mean:+.4g} on "
        f"all rows, interval {quality.difference.low:+.4g} to "
        f"{quality.difference.high:+.4g}; the margin is {margin:+.4g}."
    )
    if verdict.slices:
        said += f" {len(verdict.slices)} slices below; the tables give their figures."
    return _svg(parts, bottom + 42, said)


def plot_calibration(verdict: Verdict) -> str:
    """Draw what came against what was predicted; empty where both give labels only."""
    both = (("champion", verdict.champion), ("challenger", verdict.challenger))
    models = [(name, model) for name, model in both if model.reliability]
    if not models:
        return ""
    points = [pair for _, one in models for pair in one.reliability]
    low = min(min(said, came) for said, came, _ in points)
    high = max(max(said, came) for said, came, _ in points)
    left, bottom = 52.0, 330.0
    across = _Axis(low, high, left, _WIDTH - _PAD)
    up = _Axis(low, high, bottom, _PAD)
    ends = [(across.at(end), up.at(end)) for end in (across.low, across.high)]
    parts = [_line(*ends[0], *ends[1], "zero")]
    for tick in up.ticks():
        parts.append(_text(left - 6, up.at(tick) + 4, f"{tick:g}", anchor="end"))
        parts.append(_line(left, up.at(tick), _WIDTH - _PAD, up.at(tick), "grid"))
    for name, model in models:
        places = [(across.at(said), up.at(came)) for said, came, _ in model.reliability]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{path}" class="curve {name}"/>')
        parts += [_dot(x, y, name) for x, y in places]
    parts += _ticks_below(across, bottom)
    parts.append(_text(left, bottom + 34, "predicted →", css="note"))
    parts.append(_text(left, 10, "↑ came", css="note"))
    for place, (name, _) in enumerate(models):
        x, y = _WIDTH - _PAD - 180 + 90 * place, bottom + 34
        parts += [_dot(x, y - 4, name), _text(x + 8, y, name)]
    errors = ", ".join(
        f"{name} {model.calibration_error:.4g}" for name, model in models
    )
    said = (
        "What came against what was predicted, in bins of equally many rows. "
        f"Calibration error: {errors}."
    )
    return _svg(parts, bottom + 42, said)


def plot_latency(verdict: Verdict) -> str:
    """Draw the time of each one-row answer of both models."""
    models = [("champion", verdict.champion), ("challenger", verdict.challenger)]
    # A single slow moment must not squeeze all others together.
    high = max(_quantile(one.latency_ms, 0.98) for _, one in models)
    axis = _Axis(0.0, high, _PAD, _WIDTH - _PAD)
    parts = []
    for number, (name, model) in enumerate(models):
        top = _PAD + 40.0 * number
        median = _quantile(model.latency_ms, 0.5)
        parts.append(_text(_PAD, top + 10, f"{name}: median {median:.3g} ms"))
        parts += [
            _line(axis.at(time), top + 16, axis.at(time), top + 30, f"tick {name}")
            for time in model.latency_ms
            if time <= axis.high
        ]
    bottom = _PAD + 84
    parts += _ticks_below(axis, bottom)
    parts.append(_text(_PAD, bottom + 34, "ms for one row", css="note"))
    medians = ", ".join(
        f"{name} median {_quantile(model.latency_ms, 0.5):.3g}"
        for name, model in models
    )
    said = f"Time of each answer to one row in milliseconds; {medians}"
    return _svg(parts, bottom + 42, f"{said}.")


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def _svg(parts: Sequence[str], height: float, said: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )


def _ticks_below(axis: _Axis, y: float) -> list[str]:
    parts = [_line(axis.at(axis.low), y, axis.at(axis.high), y, "axis")]
    for tick in axis.ticks():
        x = axis.at(tick)
        parts.append(_line(x, y, x, y + 4, "axis"))
        parts.append(_text(x, y + 17, f"{tick:g}", anchor="middle"))
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{css}"/>'


def _text(
    x: float, y: float, text: str, *, css: str = "", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{css}">'
        f"{escape(text)}</text>"
    )


def _dot(x: float, y: float, name: str) -> str:
    if name == "champion":
        return (
            f'<rect x="{x - 3.5}" y="{y - 3.5}" width="7" height="7" class="{name}"/>'
        )
    return f'<circle cx="{x}" cy="{y}" r="4" class="{name}"/>'


def _mark(x: float, y: float, outcome: Outcome) -> str:
    """Draw a shape for each outcome: circle, cross, diamond, small circle."""
    if outcome == "fail":
        path = f"M{x - 5},{y - 5}l10,10m0,-10l-10,10"
        return f'<path d="{path}" class="cross fail"/>'
    if outcome == "unclear":
        return f'<path d="M{x},{y - 6}l6,6l-6,6l-6,-6z" class="{outcome}"/>'
    radius = 5 if outcome == "pass" else 3
    return f'<circle cx="{x}" cy="{y}" r="{radius}" class="{outcome}"/>'
