"""Finding the links of a model's lineage in MLflow, in the journal and in the log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from companion.errors import NoLogError, SettingError
from companion.settings import resolve_store
from companion.store.sql.rollup_queries import read_rollups
from companion.tracking.data.logged import LoggedDataset, read_logged
from companion.tracking.lineage.chain import Lineage, Link
from companion.tracking.registry.addresses import (
    find_run,
    find_served,
    split_address,
)
from companion.tracking.registry.checking import describe_change
from companion.tracking.registry.entries import Served, find_last
from companion.tracking.registry.moving import look
from companion.tracking.registry.registered import RegisteredModel, open_model

__all__ = ["trace_lineage"]

# Tags of a run and what they are called here; MLflow's own, then those of `run()`.
_RUN_FACTS = {
    "mlflow.source.git.commit": "commit",
    "companion.git_state": "Git",
    "mlflow.source.name": "source",
    "companion.lock_sha256": "lock file",
    "companion.packages_sha256": "packages",
    "companion.python": "Python",
    "companion.platform": "platform",
    "companion.command": "command",
    "companion.seed": "seed",
    "mlflow.user": "user",
}
_NO_FINGERPRINT = (
    "a fingerprint of the whole content; MLflow's own digest does not see all changes, "
    "`companion.tracking.data.log_dataset` logs one."
)


def trace_lineage(address: str, *, store: str | None = None) -> Lineage:
    """Trace a version of a registered model: data, run, model, alias, predictions.

    What is not known is a link with a reason, not an error.

    Parameters
    ----------
    address : str
        ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
    store : str, optional
        Address of the prediction log; by default ``COMPANION_STORE``.

    Returns
    -------
    Lineage
        The chain.

    Raises
    ------
    SettingError
        If the address is of another form.
    RegistryError
        If there is no such model, version or alias.
    TrackingError
        If the registry cannot be reached.
    StoreError
        If the log cannot be read.
    """
    parts = split_address(address)
    if parts is None:
        raise SettingError(
            f"{address} is not the address of a registered model. Give "
            "models:/NAME@ALIAS or models:/NAME/VERSION."
        )
    name, alias, number = parts
    with open_model(name, "`companion lineage`") as model:
        served = find_served(model, alias, number)
        version = model.client.get_model_version(name, served.version)
        run = find_run(version, served)
        links = (
            *_trace_data(run),
            _trace_run(run, version),
            _trace_model(version, served),
            *_trace_aliases(model, served),
        )
    return Lineage(
        address=address,
        links=(
            *links,
            _trace_predictions(name, served.version, resolve_store(store).url),
        ),
    )


def _trace_data(run: Any) -> list[Link]:
    inputs = read_logged(run) if run else []
    if not inputs:
        reason = (
            "the run logged no dataset; `companion.tracking.data.log_dataset` does"
            if run
            else "without the run it is not known"
        )
        return [Link(kind="data", title="", facts={}, missing=(f"{reason}.",))]
    return [_describe_data(one) for one in inputs]


def _describe_data(one: LoggedDataset) -> Link:
    facts = {
        "used for": one.context,
        "version": one.version,
        "SHA-256": one.sha256,
        "digest": one.digest,
        "store": one.store,
    }
    missing = () if one.sha256 else (_NO_FINGERPRINT,)
    return Link(kind="data", title=one.name, facts=_known(facts), missing=missing)


def _trace_run(run: Any, version: Any) -> Link:
    if run is None:
        what = (
            f"the run {version.run_id} is gone" if version.run_id else "none is named"
        )
        return Link(kind="run", title="", facts={}, missing=(f"{what}.",))
    tags = run.data.tags
    facts = {
        "name": run.info.run_name,
        "started": _format_ms(run.info.start_time),
        **{title: tags.get(tag) for tag, title in _RUN_FACTS.items()},
        "parameters": ", ".join(f"{k}={v}" for k, v in sorted(run.data.params.items())),
    }
    missing = []
    if run.info.lifecycle_stage != "active":
        missing.append(
            "the run has been deleted; `mlflow runs restore` brings it back."
        )
    if not facts["commit"]:
        missing.append("the commit of the code.")
    elif facts["Git"] is None:
        missing.append("whether files differed from the commit.")
    if not (facts["lock file"] or facts["packages"]):
        missing.append("the versions of the packages.")
    return Link(
        kind="run",
        title=run.info.run_id,
        facts=_known(facts),
        missing=tuple(missing),
    )


def _trace_model(version: Any, served: Served) -> Link:
    facts = {
        "registered": _format_ms(version.creation_timestamp),
        "files": served.identity,
        "description": version.description,
        "gate": version.tags.get("companion.gate"),
    }
    return Link(
        kind="model",
        title=f"{version.name}, version {served.version}",
        facts=_known(facts),
    )


def _trace_aliases(model: RegisteredModel, served: Served) -> list[Link]:
    state = look(model)
    names = sorted(alias for alias, one in state.aliases.items() if one == served)
    if not names:
        missing = ("no alias points to this version.",)
        return [Link(kind="alias", title="", facts={}, missing=missing)]
    links = []
    for alias in names:
        entry = find_last(state.entries, alias)
        change = describe_change(model, alias, state)
        if entry is None or change:
            why = change or "it is not in the journal who promoted it, and why."
            links.append(Link(kind="alias", title=alias, facts={}, missing=(why,)))
            continue
        facts = {
            "moved by": entry.action,
            "time": f"{entry.made_at:%Y-%m-%d %H:%M:%S} UTC",
            "actor": entry.actor,
            "reason": entry.reason,
            "entry": str(entry.number),
        }
        links.append(Link(kind="alias", title=alias, facts=_known(facts)))
    return links


def _trace_predictions(name: str, version: str, url: str) -> Link:
    try:
        days = read_rollups(
            url, metrics=["predictions"], every="day", model=name, version=version
        )
    except NoLogError as err:
        return Link(kind="predictions", title="", facts={}, missing=(str(err),))
    if not days:
        why = f"none of {name}, version {version}, is in this log."
        return Link(kind="predictions", title="", facts={}, missing=(why,))
    starts = [one.start for one in days if one.start]
    facts = {
        "first day": f"{min(starts):%Y-%m-%d} UTC",
        "last day": f"{max(starts):%Y-%m-%d} UTC",
    }
    total = sum(one.n for one in days)
    return Link(kind="predictions", title=f"{total:,}", facts=facts)


def _known(facts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


def _format_ms(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
