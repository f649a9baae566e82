"""A verdict as one HTML page that needs nothing else."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from companion.monitoring.intervals import Interval
from companion.tracking.gates.plots import (
    plot_calibration,
    plot_intervals,
    plot_latency,
)
from companion.tracking.gates.verdict import Comparison, Verdict
from companion.tracking.pages import make_document

__all__ = ["HEADLINES", "render_page"]

HEADLINES = {
    "pass": "Passed: the challenger may take the champion's place",
    "fail": "Refused: the challenger breaks a rule",
    "unclear": "Not proven: too few rows to tell",
}
_WORDS = {"pass": "pass", "fail": "FAIL", "unclear": "unclear", "shown": "shown"}


def render_page(verdict: Verdict, *, facts: Sequence[tuple[str, str]] = ()) -> str:
    """Render the verdict as HTML.

    `facts` are further lines of the last table, such as where the data came from.
    """
    headline = HEADLINES[verdict.outcome]
    own, other = verdict.challenger, verdict.champion
    checks = _table(
        ("Outcome", "Check", "Measured", "Limit"),
        (
            (one.outcome, f"{one.group}: {one.title}", one.measured, one.limit)
            for one in verdict.checks
        ),
    )
    parts = [
        f'<h1 class="{verdict.outcome}">{escape(headline)}</h1>',
        (
            f"<p>Challenger <strong>{escape(own.title)}</strong> against champion "
            f"<strong>{escape(other.title)}</strong>, on the same {verdict.n_rows:,} "
            f"rows. {escape(_summarize(verdict.quality))}</p>"
        ),
        *_failed(verdict),
        "<h2>Checks</h2>",
        checks,
        _note(
            '"shown" has no limit in the rules, or too few rows to judge it; "unclear" '
            "means that the rows are too few to tell."
        ),
        "<h2>Plots</h2>",
        '<div class="plots">',
        *(_figure(plot, caption) for plot, caption in _plots(verdict) if plot),
        "</div>",
        "<h2>Figures</h2>",
        _figures(verdict),
    ]
    if verdict.slices:
        parts += ["<h2>Slices</h2>", _slices(verdict)]
    rules = [(name, value) for name, value in _flatten(verdict.rules)]
    parts += [
        "<h2>Rules and origin</h2>",
        _table(("What", "Value"), [*facts, *rules], has_outcome=False),
    ]
    body = "\n".join(parts)
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    title = f"Gate: {own.title} against {other.title}"
    return make_document(f"{body}\n", title=title, style=style)


def _failed(verdict: Verdict) -> list[str]:
    failed = [
        f"<li>{escape(one.group)}: {escape(one.title)} is {escape(one.measured)}; "
        f"expected {escape(one.limit)}.</li>"
        for one in verdict.checks
        if one.outcome in ("fail", "unclear")
    ]
    return [f"<ul>{''.join(failed)}</ul>"] if failed else []


def _summarize(quality: Comparison) -> str:
    own, other = quality.challenger.mean, quality.champion.mean
    difference = quality.difference
    direction = "worse" if difference.mean > 0 else "better"
    return (
        f"Its {quality.title} is {own:.4g}, the champion's {other:.4g} (lower is "
        f"better): {abs(difference.mean):.4g} {direction}, with a "
        f"{100 * difference.level:g} % interval from {difference.low:+.4g} to "
        f"{difference.high:+.4g}. The margin allows {quality.margin:.4g} worse."
    )


def _plots(verdict: Verdict) -> list[tuple[str, str]]:
    title = verdict.quality.title
    intervals = (
        f"{title[0].upper()}{title[1:]}, challenger less champion, with intervals. The "
        "solid line is no difference, the dashed line the margin. Circle: pass, cross: "
        "fail, diamond: unclear."
    )
    latency = "Time of each answer to one row, through MLflow, the models taking turns."
    calibration = "Calibration: a model on the diagonal keeps its word."
    return [
        (plot_intervals(verdict), intervals),
        (plot_calibration(verdict), calibration),
        (plot_latency(verdict), latency),
    ]


def _figure(plot: str, caption: str) -> str:
    return f"<figure>{plot}<figcaption>{escape(caption)}</figcaption></figure>"


def _figures(verdict: Verdict) -> str:
    rows = []
    for one in (verdict.quality, verdict.cost):
        if one is not None:
            unit = f", {one.unit}" if one.unit else ""
            rows.append(
                (
                    f"{one.title}{unit}",
                    *map(_interval, (one.challenger, one.champion, one.difference)),
                )
            )
    header = ("Mean of a row", "Challenger", "Champion", "Difference")
    return _table(header, rows, has_outcome=False)


def _slices(verdict: Verdict) -> str:
    level = verdict.slices[0].difference.level
    table = _table(
        ("Outcome", "Slice", "Rows", "Difference"),
        (
            (
                one.outcome,
                f"{one.column}: {one.value}",
                f"{one.n_rows:,}",
                _interval(one.difference),
            )
            for one in verdict.slices
        ),
    )
    note = _note(
        f"Intervals of {100 * level:.4g} %, so that all slices together keep the "
        "confidence of the rules. A slice fails only where it is clearly worse than "
        "the margin allows."
    )
    return f"{table}\n{note}"


def _interval(one: Interval) -> str:
    return f"{one.mean:.4g} ({one.low:.4g} to {one.high:.4g})"


def _note(text: str) -> str:
    return f'<p class="soft">{escape(text)}</p>'


def _table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    has_outcome: bool = True,
) -> str:
    lines = []
    for row in rows:
        cells = [f"<td>{escape(cell)}</td>" for cell in row]
        if has_outcome:
            cells[0] = f'<td class="outcome {row[0]}">{_WORDS[row[0]]}</td>'
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _flatten(rules: dict[str, object], before: str = "") -> Iterable[tuple[str, str]]:
    for name, value in rules.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{before}{name}.")
        elif value is not None and value != ():
            yield f"{before}{name}", _plain(value)


def _plain(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return "; ".join(
        ", ".join(f"{name} {inner}" for name, inner in one.items())
        if isinstance(one, dict)
        else str(one)
        for one in value
    )
