"""A run as MLflow keeps it, with all that is needed to run its program again."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, ReproduceError, SettingError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure
from companion.tracking.registry.addresses import (
    find_run,
    find_served,
    split_address,
)
from companion.tracking.registry.registered import open_model
from companion.tracking.runs.command import Command
from companion.tracking.runs.record import PROGRAM_TAG

__all__ = ["Recorded", "asking_mlflow", "read_recorded"]

_PART = "`companion reproduce`"
_RUN = re.compile(r"runs:/([0-9a-f]{32})(?:/.*)?")
_SESSION = "companion/session-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run has recorded of its code, environment and start.

    Attributes
    ----------
    run : mlflow.entities.Run
        The run.
    siblings : list of mlflow.entities.Run
        All runs that its program has started, itself among them.
    model : str
        Name and version of the model that it was found by; may be empty.
    commit : str
        Of the code.
    remote : str or None
        Address of the repository that the code was cloned from.
    diff : Path or None
        File with the changes that were not committed.
    untracked : tuple of str
        Files that Git did not track.
    command : Command
        How the program was started.
    environment : dict of str to str
        `python`, `implementation`, `platform`, and `packages` as `pip freeze` lists
        them.
    """

    run: Any
    siblings: list[Any]
    model: str
    commit: str
    remote: str | None
    diff: Path | None
    untracked: tuple[str, ...]
    command: Command
    environment: dict[str, str]

    @property
    def run_id(self) -> str:
        """MLflow's id."""
        return str(self.run.info.run_id)


@contextmanager
def asking_mlflow(what: str) -> Iterator[Any]:
    """Open MLflow; what it cannot do becomes a TrackingError about `what`."""
    with reach_mlflow(_PART) as mlflow:
        try:
            yield mlflow
        except CompanionError:
            raise
        except Exception as err:  # a database's driver may raise anything
            raise TrackingError(
                f"{what} cannot be read: {describe_failure(err)}"
            ) from err


def read_recorded(address: str, folder: Path) -> Recorded:
    """Find the run of an address, and fetch its record into a folder.

    Raises ReproduceError if it cannot be run again, and says why.
    """
    run, model = _find(address)
    run_id = run.info.run_id
    if run.info.status != "FINISHED":
        raise ReproduceError(
            f"The run {run_id} has the status {run.info.status}; only one that ended "
            "well can be compared."
        )
    if run.data.tags.get("companion.sessions", "1") != "1":
        raise ReproduceError(
            f"The run {run_id} was resumed: what it gave is of "
            f"{run.data.tags['companion.sessions']} programs, not of one that can be "
            "run again."
        )
    facts, packages, diff = _fetch(run_id, folder)
    command = Command(**facts["command"])
    git = facts["git"]
    if command.reason:
        raise ReproduceError(
            f"The run {run_id} cannot be run again by a command: {command.reason}. Put "
            "its code into a program, such as train.py."
        )
    if not git["commit"]:
        raise ReproduceError(
            f"The run {run_id} knows no commit of its code ({git['state']}). Commit "
            "the code to a repository of Git before the program is run."
        )
    if git["state"] == "dirty" and diff is None:
        raise ReproduceError(
            f"The run {run_id} was made with changes that were not committed, and they "
            f"are {git['diff']}. Commit the changes before the program is run."
        )
    return Recorded(
        run=run,
        siblings=_find_siblings(command.program),
        model=model,
        commit=git["commit"],
        remote=git["remote"],
        diff=diff,
        untracked=tuple(git["untracked"]),
        command=command,
        environment={**facts["environment"], "packages": packages},
    )


def _find(address: str) -> tuple[Any, str]:
    if found := _RUN.fullmatch(address):
        with asking_mlflow(f"The run {found[1]}") as mlflow:
            try:
                return mlflow.get_run(found[1]), ""
            except mlflow.exceptions.MlflowException as err:
                if err.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                raise ReproduceError(
                    f"There is no run {found[1]} in this tracking store. Set "
                    "MLFLOW_TRACKING_URI to the one that has it."
                ) from err
    parts = split_address(address)
    if parts is None:
        raise SettingError(
            f"{address} is not the address of a registered model or of a run. Give "
            "models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN."
        )
    name, alias, number = parts
    with open_model(name, _PART) as model:
        served = find_served(model, alias, number)
        version = model.client.get_model_version(name, served.version)
        run = find_run(version, served)
    title = f"{name}, version {served.version}"
    if run is None:
        raise ReproduceError(
            f"The run that made {title} is not known, or gone. Make models in a run, "
            "with `companion.tracking.run`."
        )
    return run, title


def _find_siblings(program: str) -> list[Any]:
    with asking_mlflow("The runs of the program") as mlflow:
        return list(
            mlflow.search_runs(
                search_all_experiments=True,
                filter_string=f"tags.`{PROGRAM_TAG}` = '{program}'",
                output_format="list",
            )
        )


def _fetch(run_id: str, folder: Path) -> tuple[dict[str, Any], str, Path | None]:
    """Fetch the record; return its facts, the packages and the file of changes."""
    with asking_mlflow(f"The record of the run {run_id}") as mlflow:
        client = mlflow.MlflowClient()
        names = {one.path for one in client.list_artifacts(run_id, _SESSION)}
        if f"{_SESSION}/run.json" in names:
            place = Path(client.download_artifacts(run_id, _SESSION, str(folder)))
            facts = json.loads((place / "run.json").read_text("utf-8"))
        else:
            facts = {}
    if "command" not in facts:
        raise ReproduceError(
            f"The run {run_id} has not recorded how its program was started: it was "
            "not made with `companion.tracking.run`, or with an older version of it."
        )
    diff = place / "changes.diff"
    packages = (place / "packages.txt").read_text("utf-8")
    return facts, packages, diff if diff.is_file() else None
