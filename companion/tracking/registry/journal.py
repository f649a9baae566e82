"""The journal of a registered model, kept in a run of MLflow's.

A parameter of a run can be written once: of two programs that write the same one,
MLflow refuses the second. So parameter `000007` is entry 7, that of the first program,
over MLflow's own REST calls and without access to its database. `000007.done` says that
the registry was changed accordingly.

The run is found through an experiment that is named after the model: such a name exists
once, and the tag with the run's id is set as the experiment is made.
"""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from companion.errors import TrackingError
from companion.store.times import format_time
from companion.tracking.experiments import find_experiment
from companion.tracking.registry.entries import JournalEntry

__all__ = ["Journal"]

_EXPERIMENT = "companion.journal"
_RUN_TAG = "companion.journal_run"
_TAKEN = ("INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS")


class Journal:
    """The journal of one registered model; made by `find` or `make`."""

    def __init__(self, client: Any, name: str, run_id: str) -> None:
        self._client = client
        self._name = name
        self.run_id = run_id

    @classmethod
    def find(cls, client: Any, name: str) -> "Journal | None":
        """Find the journal of a model; None if it has none yet.

        Raises TrackingError if somebody has deleted it.
        """
        experiment = client.get_experiment_by_name(f"{_EXPERIMENT}/{name}")
        if experiment is None:
            return None
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"The journal of the model {name!r} has been deleted: the experiment "
                f"{experiment.name} of MLflow. Restore it with `mlflow experiments "
                f"restore --experiment-id {experiment.experiment_id}`."
            )
        return cls(client, name, experiment.tags[_RUN_TAG])

    @classmethod
    def make(cls, client: Any, name: str) -> "Journal":
        """Make the journal of a model, or find the one that somebody else has made."""
        from mlflow.exceptions import MlflowException

        home = find_experiment(client, _EXPERIMENT).experiment_id
        run_id = client.create_run(home, run_name=f"journal of {name}").info.run_id
        client.update_run(run_id, status="FINISHED")
        try:
            client.create_experiment(f"{_EXPERIMENT}/{name}", tags={_RUN_TAG: run_id})
        except MlflowException as err:
            if err.error_code not in _TAKEN:
                raise
            client.delete_run(run_id)  # another program was first
        found = cls.find(client, name)
        if found is None:
            raise TrackingError(
                f"MLflow has no experiment {_EXPERIMENT}/{name} although it was just "
                "made. Try again."
            )
        return found

    def read(self) -> list[JournalEntry]:
        """Read all entries, the first first."""
        run = self._client.get_run(self.run_id)
        if run.info.lifecycle_stage != "active":
            raise TrackingError(
                f"The journal of the model {self._name!r} has been deleted: the run "
                f"{self.run_id} of MLflow. Restore it with `mlflow runs restore "
                f"--run-id {self.run_id}`."
            )
        params = run.data.params
        try:
            return [
                JournalEntry.from_text(int(key), params[key], _state(params, key))
                for key in sorted(params)
                if key.isdecimal()
            ]
        except ValueError as err:
            raise TrackingError(
                f"The journal of the model {self._name!r}, the run {self.run_id} of "
                f"MLflow, holds what this version of companion cannot read: {err}"
            ) from err

    def write(self, entry: JournalEntry) -> JournalEntry:
        """Write an entry, and return the one that now has its number.

        It is another one if another program was first.
        """
        key = f"{entry.number:06d}"
        kept = self._write_once(key, entry.to_text())
        return JournalEntry.from_text(entry.number, kept, "open")

    def close(
        self, entry: JournalEntry, outcome: Literal["done", "void"], note: str = ""
    ) -> str:
        """Say that an entry has been carried out, or never will be.

        Returns the outcome that counts: that of the program that was first.
        """
        value = {"outcome": outcome, "at": format_time(datetime.now(UTC))}
        if note:
            value["note"] = note[:1000]
        kept = self._write_once(f"{entry.number:06d}.done", json.dumps(value))
        return _outcome(kept)

    def _write_once(self, key: str, value: str) -> str:
        from mlflow.exceptions import MlflowException

        refused: Exception | None = None
        try:
            self._client.log_param(self.run_id, key, value, synchronous=True)
        except MlflowException as err:
            if err.error_code not in _TAKEN:
                raise
            refused = err
        kept: str | None = self._client.get_run(self.run_id).data.params.get(key)
        if kept is None:
            raise TrackingError(
                f"MLflow did not keep the journal of the model {self._name!r}, "
                f"parameter {key} of the run {self.run_id}: "
                f"{refused or 'it gave no reason'}"
            )
        return kept


def _state(params: dict[str, str], key: str) -> Literal["open", "done", "void"]:
    kept = params.get(f"{key}.done")
    if kept is None:
        return "open"
    return "void" if _outcome(kept) == "void" else "done"


def _outcome(kept: str) -> str:
    return str(json.loads(kept)["outcome"])
