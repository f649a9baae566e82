"""Where a model is: its folder, found by a path or by an address of MLflow's.

``runs:/RUN/PATH``, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` and
``models:/m-…`` are looked up in the store and the registry that MLflow's own
environment variables name. The model is then brought into the user's cache, where it
stays, so that another start does not bring it again.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs
import yaml

from companion.contract.notes import CompanionNotes
from companion.errors import MissingExtraError, ModelError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure, public_uri

__all__ = ["ModelPlace", "resolve_model"]

_FORMS = (
    "a folder, models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID or runs:/RUN/PATH"
)
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
# Two letters at least: C:/ is a folder.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """Where a model lies now.

    `name` and `version` are what it is called; None where its folder says it.
    """

    path: Path
    name: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What MLflow knows of an address. `uri` is what it downloads.

    `model_id` is None for a model of MLflow 2, whose files may have changed since.
    """

    uri: str
    model_id: str | None
    name: str | None
    version: str | None
    # Whether the notes in the folder go before `name` and `version`.
    notes_first: bool


def resolve_model(address: str | Path) -> ModelPlace:
    """Find the folder of a model, and bring the model here where it is elsewhere.

    An address with an alias may lead to another model each time. Raises ModelError if
    there is no such model or its store cannot be reached, MissingExtraError if MLflow
    is needed and not installed.
    """
    text = str(address)
    if text.startswith("models:/"):
        name, version, alias = _parse_model(text)
        if not name:
            return _fetch(text, lambda mlflow: _find_logged(mlflow, version))
        return _fetch(text, lambda mlflow: _find_version(mlflow, name, version, alias))
    if text.startswith("runs:/"):
        run_id, _, place = text.removeprefix("runs:/").strip("/").partition("/")
        if not run_id:
            raise ModelError(f"{text} names no run. Give {_FORMS}.")
        return _fetch(text, lambda mlflow: _find_in_run(mlflow, run_id, place))
    path = Path(text).expanduser().absolute()
    if _SCHEME.match(text) and not path.exists():
        raise ModelError(
            f"{text} is an address that is not served. Give {_FORMS}; "
            "`mlflow artifacts download --artifact-uri ADDRESS` brings other ones into "
            "a folder."
        )
    if path.name == "MLmodel" and path.is_file():
        path = path.parent
    return ModelPlace(path=path)


def _fetch(address: str, find: Callable[[ModuleType], _Found]) -> ModelPlace:
    try:
        with reach_mlflow("A model's address such as models:/NAME@ALIAS") as mlflow:
            found = find(mlflow)
            folder = _bring(mlflow, address, found)
    except (ModelError, MissingExtraError):
        raise
    except TrackingError as err:
        raise ModelError(str(err)) from err
    except Exception as err:  # a database's driver may raise anything
        raise ModelError(
            f"The model {address} cannot be fetched: {describe_failure(err)}"
        ) from err
    name, version = found.name, found.version
    if found.notes_first:
        noted = _names_in(folder)
        name, version = noted[0] or name, noted[1] or version
    return ModelPlace(path=folder, name=name, version=version)


def _parse_model(address: str) -> tuple[str, str, str]:
    """Return name, version and alias; of a logged model only its id, as version."""
    rest = address.removeprefix("models:/").strip("/")
    if _MODEL_ID.fullmatch(rest):
        return "", rest, ""
    name, slash, version = rest.partition("/")
    if slash and name and (version.isdecimal() or version == "latest"):
        return name, version, ""
    name, _, alias = rest.rpartition("@")
    if not slash and name and alias:
        return name, "", alias
    raise ModelError(
        f"{address} is not the address of a model. Give {_FORMS}. Stages such as "
        "Production are not served: set an alias with "
        "`MlflowClient().set_registered_model_alias(NAME, ALIAS, VERSION)`."
    )


def _find_version(mlflow: Any, name: str, version: str, alias: str) -> _Found:
    client = mlflow.MlflowClient()
    try:
        registered = client.get_registered_model(name)
    except mlflow.exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ModelError(
            f"The registry {_registry(mlflow)} has no model {name!r}; it has "
            f"{_list_some(one.name for one in client.search_registered_models())}. "
            "Give one of these, or set MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI."
        ) from err
    numbers = sorted(int(one.version) for one in registered.latest_versions)
    if version == "latest" and numbers:
        version = str(numbers[-1])
    try:
        found = (
            client.get_model_version_by_alias(name, alias)
            if alias
            else client.get_model_version(name, version)
        )
    except mlflow.exceptions.MlflowException as err:
        what = f"alias {alias!r}" if alias else f"version {version}"
        if err.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        has = (
            f"its aliases are {_list_some(sorted(registered.aliases))}"
            if alias
            else f"its newest is {numbers[-1] if numbers else 'none'}"
        )
        raise ModelError(
            f"The model {name!r} has no {what}; {has}. Give one that it has."
        ) from err
    if found.status != "READY":
        raise ModelError(
            f"Version {found.version} of the model {name!r} has the status "
            f"{found.status}. Wait until it is READY, or register it again."
        )
    source = str(found.source or "").removeprefix("models:/")
    return _Found(
        uri=f"models:/{name}/{found.version}",
        model_id=source if _MODEL_ID.fullmatch(source) else None,
        name=name,
        version=str(found.version),
        notes_first=False,
    )


def _find_logged(mlflow: Any, model_id: str) -> _Found:
    try:
        logged = mlflow.MlflowClient().get_logged_model(model_id)
    except mlflow.exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ModelError(
            f"The tracking store {_tracking(mlflow)} has no model {model_id}. Set "
            "MLFLOW_TRACKING_URI to the store that has it."
        ) from err
    return _Found(
        uri=f"models:/{model_id}",
        model_id=model_id,
        name=str(logged.name),
        version=model_id,
        notes_first=True,
    )


def _find_in_run(mlflow: Any, run_id: str, path: str) -> _Found:
    client = mlflow.MlflowClient()
    try:
        run = client.get_run(run_id)
    except mlflow.exceptions.MlflowException as err:
        if err.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise ModelError(
            f"The tracking store {_tracking(mlflow)} has no run {run_id}. Give the id "
            "of one, or set MLFLOW_TRACKING_URI to the store that has it."
        ) from err
    logged = [
        client.get_logged_model(one.model_id) for one in run.outputs.model_outputs
    ]
    ids = {one.name: one.model_id for one in logged}
    if path not in ids and not (path and client.list_artifacts(run_id, path)):
        paths = _list_some(f"runs:/{run_id}/{name}" for name in sorted(ids))
        raise ModelError(
            f"The run {run_id} has no model {path!r}; it has {paths}. Give one of "
            "these, or log the model with `log_model(name=...)`."
        )
    return _Found(
        uri=f"runs:/{run_id}/{path}",
        model_id=ids.get(path),
        name=path.rpartition("/")[2],
        version=ids.get(path, run_id),
        notes_first=True,
    )


def _bring(mlflow: Any, address: str, found: _Found) -> Path:
    """Return the model's folder in the user's cache; bring it where it is not there."""
    cache = platformdirs.user_cache_path("mlops-companion", appauthor=False) / "models"
    if found.model_id and (cache / found.model_id / "MLmodel").is_file():
        return cache / found.model_id
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Renamed at the end: a folder that is there is whole.
        with tempfile.TemporaryDirectory(
            prefix=".", dir=cache, ignore_cleanup_errors=True
        ) as workshop:
            place = _download(mlflow, address, found.uri, Path(workshop, "model"))
            target = cache / (found.model_id or _digest(place))
            if not target.is_dir():
                place.rename(target)
    except OSError as err:
        if found.model_id and (cache / found.model_id / "MLmodel").is_file():
            return cache / found.model_id  # another server was quicker
        raise ModelError(
            f"The model {address} cannot be kept in {cache}: {err.strerror or err}. "
            "Make room there; on Linux XDG_CACHE_HOME chooses another place."
        ) from err
    return target


def _download(mlflow: Any, address: str, uri: str, place: Path) -> Path:
    try:
        got = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(place)))
    except (mlflow.exceptions.MlflowException, OSError) as err:
        raise ModelError(
            f"The files of the model {address} cannot be fetched: "
            f"{describe_failure(err)}"
        ) from err
    if (got / "MLmodel").is_file():
        return got
    raise ModelError(
        f"{address} has no file MLmodel, so it is not a model, or its files are lost. "
        "Give the address of a model, or log the model again."
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name == "registered_model_meta":  # its names go their own way
            continue
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()[:32]


def _names_in(folder: Path) -> tuple[str | None, str | None]:
    try:
        conf = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        notes = CompanionNotes.from_metadata(conf.get("metadata"))
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None, None  # `read_model_folder` says what is wrong
    return notes.name, notes.version


def _tracking(mlflow: Any) -> str:
    return public_uri(mlflow.get_tracking_uri())


def _registry(mlflow: Any) -> str:
    return public_uri(mlflow.get_registry_uri())


def _list_some(names: Iterator[str] | list[str], most: int = 5) -> str:
    found = list(names)
    shown = ", ".join(found[:most])
    return f"{shown}, …" if len(found) > most else shown or "none"
