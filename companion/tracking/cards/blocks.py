"""The facts of a card as Markdown: a block of tables for each part of the template."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from companion.contract.profile import MISSING
from companion.tracking.cards.facts import ModelFacts
from companion.tracking.data.logged import LoggedDataset, read_logged
from companion.tracking.runs.record import MEASURED

__all__ = ["make_blocks"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")
# Tags of a run, or of a version, that say where a model came from.
_RUN_TAGS = {
    "mlflow.note.content": "Description of the run",
    "mlflow.user": "Made by",
    "mlflow.source.name": "Program",
    "companion.command": "Command",
    "mlflow.source.git.commit": "Git commit",
    "mlflow.source.git.repoURL": "Repository",
    "companion.git_state": "State of the code",
    "companion.python": "Python",
    "companion.platform": "Platform",
    "companion.lock_sha256": "Lock file, SHA-256",
    "companion.packages_sha256": "Installed packages, SHA-256",
    "companion.seed": "Seed",
}

# Metrics of a run itself, with their units.
_MEASURED = (
    ("companion.duration_s", "Duration", "s"),
    ("companion.peak_memory_mib", "Peak memory", "MiB"),
)


def make_blocks(facts: ModelFacts) -> dict[str, str]:
    """Render the facts; the keys are those of the template, and `title`."""
    inputs = [] if facts.run is None else read_logged(facts.run)
    judged = [one for one in inputs if _is_for_evaluation(one)] + facts.gate_inputs
    learned = [one for one in inputs if not _is_for_evaluation(one)]
    return {
        "title": f"# Model card: {_escape(facts.title)}",
        "details": _details(facts),
        "evaluation": _data(facts, judged, context="evaluation"),
        "training": _join(
            _data(facts, learned, context="training"), _describe_columns(facts)
        ),
        "metrics": _join(_metrics(facts), _gate(facts)),
    }


def _details(facts: ModelFacts) -> str:
    conf, version, run = facts.conf, facts.version, facts.run
    rows: list[tuple[str, object]] = [
        ("Address", facts.address),
        ("Kind", _kind(conf["flavors"])),
        ("Created (UTC)", str(conf.get("utc_time_created") or "")[:19]),
        ("Size", _size(conf.get("model_size_bytes"))),
        ("Model id", conf.get("model_id")),
        ("MLflow", conf.get("mlflow_version")),
        ("Libraries", ", ".join(facts.requirements)),
    ]
    if version is not None:
        rows += [
            ("Aliases", ", ".join(version.aliases)),
            ("Description", version.description),
            *((f"Tag {name}", text) for name, text in sorted(version.tags.items())),
        ]
    if run is None:
        return _join(
            _table(("Fact", "Value"), rows),
            _no_run(facts),
            _requirements(facts),
        )
    tags = run.data.tags
    rows += [("Run", f"{run.info.run_name} ({run.info.run_id})")]
    rows += [("Started (UTC)", _time(run.info.start_time))]
    rows += [(title, tags.get(name)) for name, title in _RUN_TAGS.items()]
    rows += [
        (title, f"{run.data.metrics[name]:,.1f} {unit}")
        for name, title, unit in _MEASURED
        if name in run.data.metrics
    ]
    commit = (
        ""
        if "mlflow.source.git.commit" in tags
        else (
            _missing(
                "the run does not name the commit of its code", "Start it in a clone"
            )
        )
    )
    parameters = sorted(run.data.params.items())
    return _join(
        _table(("Fact", "Value"), rows),
        commit,
        _table(("Parameter", "Value"), parameters)
        or _missing("the run has no parameters", "Log them with `mlflow.log_params`"),
        _requirements(facts),
    )


def _requirements(facts: ModelFacts) -> str:
    if facts.requirements:
        return ""
    return _missing("the model names no libraries", "Save it with `pip_requirements`")


def _no_run(facts: ModelFacts) -> str:
    return _missing(_escape(facts.no_run), "Log the model in a run")


def _data(facts: ModelFacts, inputs: Sequence[LoggedDataset], *, context: str) -> str:
    if not inputs and facts.run is None:
        return _no_run(facts)
    if not inputs:
        return _missing(
            f"the run names no data for {context}",
            "Log them with `companion.tracking.data.log_dataset(…, "
            f'context="{context}")`',
        )
    rows = [
        (
            one.version or one.name,
            one.sha256 or one.digest,
            "not said" if one.context is None else one.context,
            _rows(one.profile),
        )
        for one in inputs
    ]
    return _table(("Data", "Digest", "Used for", "Rows"), rows)


def _describe_columns(facts: ModelFacts) -> str:
    """Tell the inputs of the model, and what its training data had in them."""
    specs = json.loads((facts.conf.get("signature") or {}).get("inputs") or "[]")
    if not specs:
        return _missing(
            "the model has no signature, so its inputs are not known",
            "Save it with an `input_example`",
        )
    rows = []
    for number, spec in enumerate(specs):
        name = str(spec.get("name", number))
        allowed = facts.notes.ranges.get(name)
        bins = facts.notes.profile.get(name)
        total = sum(bins.counts.values()) if bins else 0
        absent = "" if bins is None else f"{bins.counts.get(MISSING, 0)} of {total}"
        kind = f"{spec.get('type')}{'' if spec.get('required', True) else ', optional'}"
        rows.append((name, kind, allowed or "", absent))
    note = (
        ""
        if facts.notes.profile
        else _missing(
            "ranges and profile of the training data",
            "Add them with `companion profile`, or log the model with "
            "`metadata=companion.tracking.training_metadata(data)`",
        )
    )
    return _join(
        _table(("Input", "Type", "Allowed range", "Missing in training"), rows), note
    )


def _metrics(facts: ModelFacts) -> str:
    if facts.run is None:
        return _no_run(facts)
    rows = [
        (name, f"{value:.6g}")
        for name, value in sorted(facts.run.data.metrics.items())
        if not name.startswith(MEASURED)
    ]
    return _table(("Metric", "Value"), rows) or _missing(
        "the run has no metrics", "Log them with `mlflow.log_metrics`"
    )


def _gate(facts: ModelFacts) -> str:
    """Tell how the version compares with the champion, in all and by slice."""
    version, gate = facts.version, facts.gate
    if version is None:
        return ""
    if not facts.gate_run:
        address = f"models:/{version.name}/{version.version}"
        return _missing(
            "no gate has judged this version",
            f"Run `companion gate {address} --data FILE`",
        )
    if gate is None:
        return _missing(
            f"the evidence of its last gate, run {facts.gate_run}, cannot be read",
            "Run `companion gate` again",
        )
    quality, other = gate["quality"], gate["champion"]
    rows = [("All rows", gate["n_rows"], *_interval(quality["difference"]), "")]
    rows += [
        (
            f"{one['column']}: {one['value']}",
            one["n_rows"],
            *_interval(one["difference"]),
            one["outcome"],
        )
        for one in gate["slices"]
    ]
    champion = f"{other['name']} {other['version']}".strip()
    verdict = (
        f"Its last gate: **{gate['outcome']}**, against {_escape(champion)}, by the "
        f"{_escape(quality['title'])} on the same rows; the page is "
        f"`runs:/{facts.gate_run}/gate.html`. A negative difference is in favor of "
        "this model."
    )
    interval = f"{quality['difference']['level']:.0%} interval"
    header = ("Rows", "Number", "Difference", interval, "Outcome")
    return _join(verdict, _table(header, rows))


def _interval(told: dict[str, float]) -> tuple[str, str]:
    return f"{told['mean']:+.3g}", f"{told['low']:+.3g} to {told['high']:+.3g}"


def _is_for_evaluation(one: LoggedDataset) -> bool:
    context = (one.context or "").lower()
    return any(word in context for word in ("eval", "valid", "test"))


def _kind(flavors: dict[str, Any]) -> str:
    python = flavors.get("python_function") or {}
    found = [
        f"{name} {conf.get(f'{name}_version') or ''}".strip()
        for name, conf in flavors.items()
        if name != "python_function" and isinstance(conf, dict)
    ]
    kind = ", ".join(found) or str(python.get("loader_module", ""))
    version = python.get("python_version")
    return f"{kind}, Python {version}" if version else kind


def _size(n_bytes: object) -> str:
    if not isinstance(n_bytes, int):
        return ""
    return (
        f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"
    )


def _time(ms: int | None) -> str:
    moment = None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _rows(profile: str | None) -> str:
    try:
        told = json.loads(profile or "{}")
    except ValueError:
        told = {}
    rows = told.get("num_rows") if isinstance(told, dict) else None
    return f"{rows:,}" if isinstance(rows, int) else ""


def _missing(what: str, remedy: str) -> str:
    return f"**Missing:** {what[:1].lower()}{what[1:]}. {remedy}."


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table without the rows that have no value; empty if none is left."""
    kept = [row for row in rows if any(row[1:])]
    if not kept:
        return ""
    lines = [header, ["---"] * len(header)]
    cells = [[_escape(cell) for cell in row] for row in kept]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *cells])


def _escape(value: object) -> str:
    """Write a value so that Markdown takes it as text."""
    text = "" if value is None else str(value)
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
