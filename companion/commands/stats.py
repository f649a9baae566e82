"""`companion stats`: what the log counts, by model, version and time."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from companion.commands._listing import note_waiting
from companion.commands._options import (
    journal_option,
    json_option,
    since_option,
    store_option,
    until_option,
)
from companion.commands._table import DEFAULT_COLUMNS, format_table
from companion.store import count_waiting, read_rollups
from companion.store.statistics import (
    CALL_METRICS,
    PREDICTION_METRICS,
    CallStatistics,
    Failure,
    PredictionStatistics,
    count_failures,
    summarize_calls,
    summarize_predictions,
)

__all__ = ["command"]

_DAY = timedelta(days=1)
_PERIODS = frozenset({"minute", "hour", "day"})
_GROUPINGS = ("model", "version", "minute", "hour", "day")
_LEFT = ("start (UTC)", "model", "version", "problem", "reason")
# Shorter bars cannot be compared.
_MIN_BAR = 8


def _read_grouping(
    ctx: click.Context, param: click.Parameter, value: str
) -> frozenset[str]:
    chosen = frozenset(part.strip() for part in value.split(","))
    if unknown := chosen - set(_GROUPINGS):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))!r} is not one of {', '.join(_GROUPINGS)}.",
            ctx,
            param,
        )
    if len(chosen & _PERIODS) > 1:
        raise click.BadParameter("give only one of minute, hour, day.", ctx, param)
    return chosen


@click.command(
    epilog="Example: companion stats --since 6h --by version,hour",
    context_settings={"show_default": True},
)
@store_option
@journal_option
@since_option
@until_option
@click.option(
    "--by",
    default="version",
    callback=_read_grouping,
    metavar="NAMES",
    help="What to divide the counts by: model, version (of each model), and one of "
    "minute, hour, day; several with commas between.",
)
@click.option("--model", metavar="NAME", help="Of the model of this name.")
@click.option("--version", metavar="VERSION", help="Of this version.")
@json_option("Print the figures as JSON.")
def command(
    *,
    store: str,
    journal: Path | None,
    since: datetime | None,
    until: datetime | None,
    by: frozenset[str],
    model: str | None,
    version: str | None,
    as_json: bool,
) -> None:
    """Count requests, refusals, errors and latencies.

    Without --since it is the day before --until, or the last day; whole minutes
    are counted. Percentiles are of the requests that were answered: 99 of 100
    took at most p99_ms milliseconds. They are estimated from bins, off by less than
    a quarter. Bars show requests or calls.
    """
    note_waiting(count_waiting(store, journal), "record", place="counts")
    since = since or (until or datetime.now(UTC)) - _DAY
    rollups = read_rollups(
        store,
        metrics=(*PREDICTION_METRICS, *CALL_METRICS),
        every=next(iter(by & _PERIODS), None),
        since=since,
        until=until,
        model=model,
        version=version,
    )
    fields = {"start"} if by & _PERIODS else set()
    fields |= {"model_name"} if by - _PERIODS else set()
    fields |= {"model_version"} if "version" in by else set()
    predictions = summarize_predictions(rollups, by=fields)
    failures = count_failures(rollups)
    calls = summarize_calls(rollups, by=fields - {"model_version"})
    if as_json:
        answer = {
            "predictions": [one.to_json() for one in predictions],
            "failures": [asdict(one) for one in failures],
            "calls": [one.to_json() for one in calls],
        }
        click.echo(json.dumps(answer, indent=2))
    elif rollups:
        tables = (_predictions(predictions), _failures(failures), _calls(calls))
        click.echo("\n\n".join(filter(None, tables)))
    else:
        end = f" and before {until:%Y-%m-%d %H:%M}" if until else ""
        click.echo(
            f"Nothing was counted since {since:%Y-%m-%d %H:%M}{end} (UTC). "
            "Give --since to look further back."
        )


def _predictions(rows: Sequence[PredictionStatistics]) -> str:
    columns = {
        **_groups(rows),
        "requests": [str(row.requests) for row in rows],
        "rows": [str(row.predictions) for row in rows],
        "refused": [str(row.refusals) for row in rows],
        "errors": [str(row.errors) for row in rows],
        **_percentiles(rows),
    }
    if columns["rows"] == columns["requests"]:
        del columns["rows"]  # one row a request
    return _with_bars(_table(columns), rows, [row.requests for row in rows])


def _failures(rows: Sequence[Failure]) -> str:
    columns = {
        "requests": [str(row.requests) for row in rows],
        "problem": [row.problem for row in rows],
        "reason": [row.reason for row in rows],
    }
    return _table(columns)


def _calls(rows: Sequence[CallStatistics]) -> str:
    columns = {
        **_groups(rows),
        "calls": [str(row.calls) for row in rows],
        "errors": [str(row.errors) for row in rows],
        "closed": [str(row.closed) for row in rows],
        "tokens": [
            f"{_tokens(row.input_tokens)}+{_tokens(row.output_tokens)}" for row in rows
        ],
        **_percentiles(rows),
    }
    return _with_bars(_table(columns), rows, [row.calls for row in rows])


_Rows = Sequence[PredictionStatistics] | Sequence[CallStatistics]


def _groups(rows: _Rows) -> Mapping[str, Sequence[str]]:
    columns = {
        "start (UTC)": [f"{row.start:%Y-%m-%d %H:%M}" for row in rows if row.start],
        "model": [row.model_name or "-" for row in rows if row.model_name is not None],
        "version": [
            row.model_version or "-" for row in rows if row.model_version is not None
        ],
    }
    return {name: cells for name, cells in columns.items() if cells}


def _percentiles(rows: _Rows) -> Mapping[str, Sequence[str]]:
    return {
        f"p{percent}_ms": [
            _estimate(getattr(row, f"latency_p{percent}_ms")) for row in rows
        ]
        for percent in (50, 95, 99)
    }


def _tokens(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


def _estimate(number: float | None) -> str:
    """Write a number with the two digits that an estimate has."""
    return "-" if number is None else f"{float(f'{number:.2g}'):g}"


def _table(columns: Mapping[str, Sequence[str]]) -> str:
    rows = list(zip(*columns.values(), strict=True))
    right = [name for name in columns if name not in _LEFT]
    return format_table(list(columns), rows, right=right, n_elastic=0) if rows else ""


def _with_bars(table: str, rows: _Rows, sizes: Sequence[int]) -> str:
    """Add a bar to each row of a table by time, where the terminal has room."""
    lines = table.splitlines()
    if not rows or rows[0].start is None or not any(sizes):
        return table
    width = max(map(len, lines))
    room = shutil.get_terminal_size((DEFAULT_COLUMNS, 24)).columns - width - 2
    if room < _MIN_BAR:
        return table
    bars = [_block() * round(room * size / max(sizes)) for size in sizes]
    pairs = zip(lines, ["", *bars], strict=True)
    return "\n".join(f"{line:<{width}}  {bar}".rstrip() for line, bar in pairs)


def _block() -> str:
    try:
        "█".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
