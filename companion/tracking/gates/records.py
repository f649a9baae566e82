"""Keeps a verdict where MLflow shows it: a run of its own, and tags on the version.

A gate's run lies in the experiment ``companion.gate/NAME``, with the page and the
evidence as artifacts. So every gate stays, those that refused too; the tags of the
model version name its latest.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

from companion import __version__
from companion.errors import DataError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure
from companion.tracking.data.fingerprints import Fingerprint, fingerprint
from companion.tracking.data.usage import log_file
from companion.tracking.experiments import find_experiment
from companion.tracking.gates.verdict import Verdict

__all__ = ["EXPERIMENT", "TAG", "record_verdict"]

EXPERIMENT = "companion.gate/{name}"
# On a model version. The verdict comes last: where it is, the others are.
TAG = "companion.gate"


def record_verdict(
    verdict: Verdict,
    *,
    page: str,
    facts: dict[str, str],
    name: str,
    version: str,
    data: Path | None = None,
) -> str:
    """Record a verdict on a version of the registry; return the id of its run.

    Parameters
    ----------
    verdict : Verdict
        What `run_gate` returned.
    page : str
        The verdict as HTML.
    facts : dict of str to str
        Where the data and the rules came from; they become tags of the run.
    name, version : str
        The challenger's version in the registry that MLflow's variables name.
    data : Path, optional
        The file of rows, which becomes an input of the run, by its fingerprint.

    Returns
    -------
    str

    Raises
    ------
    TrackingError
        If the registry cannot be reached, or does not take it.
    """
    found = _fingerprint(data)
    with reach_mlflow("Recording a gate") as mlflow:
        client = mlflow.MlflowClient()
        try:
            place = find_experiment(client, EXPERIMENT.format(name=name))
            if place.lifecycle_stage != "active":
                client.restore_experiment(place.experiment_id)
            run_id = _log(client, place.experiment_id, verdict, page=page, facts=facts)
            if data is not None and found is not None:
                log_file(client, run_id, data, found, context="gate")
            for tag, value in (
                (f"{TAG}.run", run_id),
                (f"{TAG}.against", verdict.champion.title),
                (TAG, verdict.outcome),
            ):
                client.set_model_version_tag(name, version, tag, value)
        except Exception as err:  # a database's driver may raise anything
            raise TrackingError(
                f"The verdict on version {version} of {name!r} cannot be recorded: "
                f"{describe_failure(err)}"
            ) from err
    return run_id


def _fingerprint(data: Path | None) -> Fingerprint | None:
    """Take the fingerprint of a file; None if it has none.

    Columns of mixed types have none, which a gate can do without.
    """
    try:
        return None if data is None else fingerprint(data)
    except DataError:
        return None


def _log(
    client: Any,
    experiment_id: str,
    verdict: Verdict,
    *,
    page: str,
    facts: dict[str, str],
) -> str:
    own, other = verdict.challenger, verdict.champion
    run = client.create_run(
        experiment_id,
        run_name=f"{own.title}: {verdict.outcome}",
        tags={
            TAG: verdict.outcome,
            f"{TAG}.challenger": own.title,
            f"{TAG}.champion": other.title,
            f"{TAG}.companion": __version__,
            **{f"{TAG}.{key}": value for key, value in facts.items()},
        },
    )
    run_id: str = run.info.run_id
    is_done = False
    try:
        quality = verdict.quality
        for key, value in (
            ("difference", quality.difference.mean),
            ("difference_low", quality.difference.low),
            ("difference_high", quality.difference.high),
            ("challenger", quality.challenger.mean),
            ("champion", quality.champion.mean),
            ("rows", verdict.n_rows),
        ):
            client.log_metric(run_id, key, value)
        client.log_param(run_id, "metric", quality.title)
        client.log_param(run_id, "margin", quality.margin)
        client.log_text(run_id, page, "gate.html")
        client.log_dict(run_id, {**verdict.to_json(), "facts": facts}, "gate.json")
        is_done = True
    finally:
        # An interrupted one must not look as if it still ran. MLflow prints the run's
        # address, which must not get between the lines of JSON.
        with contextlib.redirect_stdout(sys.stderr):
            client.set_terminated(run_id, "FINISHED" if is_done else "FAILED")
    return run_id
