"""`companion gate`: whether a challenger may take the champion's place."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from companion.commands._data_file import read_data_file
from companion.commands._options import json_option
from companion.commands._table import printable
from companion.errors import DataError, ModelError, SettingError
from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from companion.serving.models.addresses import ModelPlace
    from companion.tracking.gates.models import GateModel
    from companion.tracking.gates.verdict import Verdict

__all__ = ["command"]

_REGISTRY = "models:/"
# Nothing is broken, so it is neither 1 nor 2: a pipeline stops, and its page says why.
_EXIT_CODES = {"pass": 0, "fail": 3, "unclear": 4}


@click.command(
    "gate",
    epilog="Example: companion gate models:/terrace/7 --data recent.csv",
    short_help="Decide whether a challenger may take the champion's place.",
)
@click.argument("challenger")
@click.option(
    "--against",
    metavar="MODEL",
    help="The champion, a folder or an address.  [default: the alias champion of the "
    "challenger's model in the registry]",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Rows that neither model was trained on, with what was right, as CSV or "
    "Parquet; in time order.",
)
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="gate.toml",
    show_default=True,
    metavar="FILE",
    help="What is compared, and the limits.",
)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    default="gate.html",
    show_default=True,
    metavar="FILE",
    help="Where to write the page; the evidence goes beside it, as JSON.",
)
@click.option(
    "--no-record",
    is_flag=True,
    help="Leave the registry as it is.  [default: the verdict is kept on the version]",
)
@json_option("Print the evidence as JSON.")
def command(
    *,
    challenger: str,
    against: str | None,
    data: Path,
    rules_file: Path,
    page: Path,
    no_record: bool,
    as_json: bool,
) -> int:
    """Decide whether CHALLENGER may take the champion's place.

    CHALLENGER is a model's folder, or an address such as models:/NAME/VERSION,
    models:/NAME@ALIAS or runs:/RUN/PATH. Both models answer the same rows, and their
    losses are compared row by row: the challenger passes where it is, with the
    confidence of the rules, not worse than the champion by more than the margin, and
    breaks no other rule.

    The exit code is 0 for a challenger that passed, 3 for one that broke a rule, and 4
    where the rows are too few to tell. The page shows why. On a version of the registry
    the verdict is kept as tags, and page and evidence in a run of the experiment
    companion.gate/NAME.
    """
    require_libraries("`companion gate`", "mlflow", "numpy", "pandas", extra="tracking")
    from companion.tracking.gates.gate import judge_models
    from companion.tracking.gates.rules import read_rules

    champion = against or _champion_of(challenger)
    rules = read_rules(rules_file)
    table = read_data_file(data)
    own, own_place = _load(challenger)
    other, other_place = _load(champion)
    if own_place.path.resolve() == other_place.path.resolve():
        raise ModelError(
            f"{challenger} and {champion} are the same model, {own.title}. Give a "
            "challenger, and with --against the model that serves now."
        )
    verdict = judge_models(own, other, table, rules)
    facts = {
        "data": data.name,
        "data_sha256": _sha256(data),
        "rules_sha256": _sha256(rules_file),
        "challenger_address": challenger,
        "champion_address": champion,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    html, evidence = _write(verdict, facts, page)
    click.echo(json.dumps(evidence, indent=2) if as_json else _format(verdict))
    click.echo(f"\nPage: {page}", err=as_json)
    if _registered_name(challenger) and not no_record:
        _record(verdict, html, facts, own_place, data, as_json=as_json)
    return _EXIT_CODES[verdict.outcome]


def _registered_name(address: str) -> str:
    """Return the name of a registry's model, empty for other models."""
    if not address.startswith(_REGISTRY):
        return ""
    rest = address.removeprefix(_REGISTRY)
    name, slash, _ = rest.partition("/")
    return name if slash else rest.rpartition("@")[0]


def _champion_of(challenger: str) -> str:
    if name := _registered_name(challenger):
        return f"{_REGISTRY}{name}@champion"
    raise click.UsageError(
        f"{challenger} is not in a registry, which would know its champion. Give the "
        "model that serves now with --against."
    )


def _load(address: str) -> "tuple[GateModel, ModelPlace]":
    from companion.serving.models.addresses import resolve_model
    from companion.tracking.gates.models import load_gate_model

    place = resolve_model(address)
    return load_gate_model(place.path, name=place.name, version=place.version), place


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise DataError(f"{path} cannot be read: {err.strerror or err}.") from err


def _write(
    verdict: "Verdict", facts: dict[str, str], page: Path
) -> tuple[str, dict[str, object]]:
    from companion.tracking.gates.page import render_page

    html = render_page(verdict, facts=list(facts.items()))
    evidence = {**verdict.to_json(), "facts": facts}
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(html, encoding="utf-8")
        page.with_suffix(".json").write_text(
            json.dumps(evidence, indent=2), encoding="utf-8"
        )
    except OSError as err:
        raise SettingError(
            f"{page} cannot be written: {err.strerror or err}. Choose another place "
            "with --page."
        ) from err
    return html, evidence


def _format(verdict: "Verdict") -> str:
    from companion.tracking.gates.page import HEADLINES

    own, other = verdict.challenger, verdict.champion
    lines = [
        printable(
            f"{one.outcome.upper() if one.outcome == 'fail' else one.outcome:<8}"
            f"{one.group}: {one.title}: {one.measured}"
            + (f"; expected {one.limit}" if one.limit else "")
        )
        for one in verdict.checks
    ]
    checks = "\n".join(lines)
    return (
        f"Challenger {own.title} against champion {other.title}, on the same "
        f"{verdict.n_rows:,} rows.\n\n{checks}\n\n"
        f"{HEADLINES[verdict.outcome]}."
    )


def _record(
    verdict: "Verdict",
    html: str,
    facts: dict[str, str],
    place: "ModelPlace",
    data: Path,
    *,
    as_json: bool,
) -> None:
    from companion.tracking.gates.records import record_verdict

    name, version = place.name or "", place.version or ""
    run_id = record_verdict(
        verdict, page=html, facts=facts, name=name, version=version, data=data
    )
    click.echo(f"Recorded on version {version} of {name}, run {run_id}.", err=as_json)
