"""What MLflow knows of a model: its MLmodel file, its run and its registered version.

A fact that is not there is said to be missing, with the way to record it.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.contract.notes import CompanionNotes
from companion.errors import MissingExtraError, ModelError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure
from companion.tracking.data.logged import LoggedDataset, read_logged
from companion.tracking.gates.records import TAG

__all__ = ["ModelFacts", "read_facts"]

_FORMS = (
    "a folder, models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID or runs:/RUN/PATH"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model.

    Attributes
    ----------
    address : str
        What was asked for.
    conf : dict
        Content of its file MLmodel.
    requirements : list of str
        Lines of its file requirements.txt.
    notes : CompanionNotes
        Name, version, ranges and training profile in its metadata.
    version : mlflow.entities.model_registry.ModelVersion or None
        Its version in the registry, if that was asked for.
    run : mlflow.entities.Run or None
        The run that logged it.
    no_run : str
        Why there is no run: the end of a sentence.
    gate : dict or None
        What its last gate has recorded, `gate.json`; of a version only.
    gate_run : str
        Id of the run of that gate; empty where there was none.
    gate_inputs : list of LoggedDataset
        The rows of that gate, as its run has them.
    """

    address: str
    conf: dict[str, Any]
    requirements: list[str]
    notes: CompanionNotes = field(default_factory=CompanionNotes)
    version: Any = None
    run: Any = None
    no_run: str = ""
    gate: dict[str, Any] | None = None
    gate_run: str = ""
    gate_inputs: list[LoggedDataset] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name and version of the model."""
        if self.version is not None:
            return f"{self.version.name}, version {self.version.version}"
        name = self.notes.name or Path(self.address).name
        return f"{name}, version {self.notes.version}" if self.notes.version else name


def read_facts(model: str | Path) -> ModelFacts:
    """Collect what is known of a model.

    Parameters
    ----------
    model : str or Path
        A folder in MLflow's model format, or an address of MLflow's, which is looked up
        where MLflow's own environment variables say.

    Returns
    -------
    ModelFacts

    Raises
    ------
    ModelError
        If there is no such model.
    TrackingError
        If the store of an address cannot be reached.
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    """
    address = str(model)
    if not address.startswith(("models:/", "runs:/")):
        return _read_folder(Path(model))
    with _reach(address) as (mlflow, client), tempfile.TemporaryDirectory() as place:
        version, uri = _find(client, address)
        conf = _parse(_fetch(mlflow, f"{uri}/MLmodel", place), address)
        try:
            requirements = _fetch(mlflow, f"{uri}/requirements.txt", place)
        except mlflow.exceptions.MlflowException:
            requirements = ""
        run_id = conf.get("run_id") or (version and version.run_id)
        run, no_run = _find_run(mlflow, client, run_id)
        gate_run = version.tags.get(f"{TAG}.run", "") if version else ""
        gate = _read_gate(mlflow, gate_run, place) if gate_run else None
        judged = _find_run(mlflow, client, gate_run)[0] if gate_run else None
    return _make(
        address,
        conf,
        requirements,
        version=version,
        run=run,
        no_run=no_run,
        gate=gate,
        gate_run=gate_run,
        gate_inputs=read_logged(judged) if judged else [],
    )


def _read_folder(folder: Path) -> ModelFacts:
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8")
        requirements = folder / "requirements.txt"
        lines = requirements.read_text("utf-8") if requirements.is_file() else ""
    except OSError as err:
        raise ModelError(
            f"{folder} is no model folder: MLmodel cannot be read ({err.strerror}). "
            f"Give {_FORMS}."
        ) from err
    conf = _parse(text, str(folder))
    run, no_run = None, "the model was saved outside of a run"
    if run_id := conf.get("run_id"):
        try:
            with _reach(str(folder)) as (mlflow, client):
                run, no_run = _find_run(mlflow, client, run_id)
        except (TrackingError, MissingExtraError) as err:
            no_run = f"run {run_id} could not be looked up: {err}"
    return _make(
        str(folder.absolute()), conf, lines, version=None, run=run, no_run=no_run
    )


@contextmanager
def _reach(address: str) -> Iterator[tuple[Any, Any]]:
    with reach_mlflow("A model card") as mlflow:
        try:
            yield mlflow, mlflow.MlflowClient()
        except (ModelError, TrackingError):
            raise
        except mlflow.exceptions.MlflowException as err:
            if err.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise ModelError(
                    f"There is no model {address}: {err.message.strip().rstrip('.')}. "
                    f"Give {_FORMS}."
                ) from err
            raise TrackingError(
                f"{address} cannot be read: {describe_failure(err)}"
            ) from err
        except Exception as err:  # a database's driver may raise anything
            raise TrackingError(
                f"{address} cannot be read: {describe_failure(err)}"
            ) from err


def _find(client: Any, address: str) -> tuple[Any, str]:
    """Return the version in the registry, if it is one, and where its files are."""
    rest = address.removeprefix("models:/").strip("/")
    if rest == address.strip("/"):
        return None, address.rstrip("/")
    name, _, number = rest.partition("/")
    if number:
        return client.get_model_version(name, number), f"models:/{rest}"
    name, _, alias = rest.rpartition("@")
    if name and alias:
        version = client.get_model_version_by_alias(name, alias)
        return version, f"models:/{name}/{version.version}"
    return None, client.get_logged_model(rest).artifact_location


def _fetch(mlflow: Any, uri: str, place: str) -> str:
    path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=place)
    return Path(path).read_text(encoding="utf-8")


def _find_run(mlflow: Any, client: Any, run_id: str | None) -> tuple[Any, str]:
    if not run_id:
        return None, "the model was saved outside of a run"
    try:
        run = client.get_run(run_id)
    except mlflow.exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None, f"run {run_id} is not in this tracking store"
    return run, ""


def _read_gate(mlflow: Any, run_id: str, place: str) -> dict[str, Any] | None:
    try:
        told = json.loads(_fetch(mlflow, f"runs:/{run_id}/gate.json", place))
    except (mlflow.exceptions.MlflowException, OSError, ValueError):
        return None  # deleted since
    return told if isinstance(told, dict) else None


def _parse(text: str, where: str) -> dict[str, Any]:
    import yaml

    try:
        conf = yaml.safe_load(text)
    except yaml.YAMLError:
        conf = None
    if not isinstance(conf, dict) or not isinstance(conf.get("flavors"), dict):
        raise ModelError(
            f"The file MLmodel of {where} names no flavors, so it is not a model's. "
            "Save the model again."
        )
    signature = conf.get("signature")
    for part in ("inputs", "outputs"):
        try:
            json.loads((signature or {}).get(part) or "[]")
        except (TypeError, ValueError, AttributeError):
            raise ModelError(
                f"The signature of {where} has {part} that are not JSON. Save the "
                "model again."
            ) from None
    return conf


def _make(
    address: str, conf: dict[str, Any], requirements: str, **known: Any
) -> ModelFacts:
    lines = [line.strip() for line in requirements.splitlines()]
    return ModelFacts(
        address=address,
        conf=conf,
        requirements=[line for line in lines if line and not line.startswith("#")],
        notes=CompanionNotes.from_metadata(conf.get("metadata")),
        **known,
    )
