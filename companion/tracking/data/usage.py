"""Dataset versions in MLflow: logged as the input of a run, and found again.

MLflow's pages show such a version beside the run, and its API finds runs by it.
"""

import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure
from companion.tracking.data.logged import (
    CONTEXT_TAG,
    SHA256_TAG,
    STORE_TAG,
    VERSION_TAG,
    read_logged,
)
from companion.tracking.data.stores import DataStore

if TYPE_CHECKING:
    from companion.tracking.data.fingerprints import Fingerprint
    from companion.tracking.data.versions import DataVersion

__all__ = ["DatasetUse", "find_uses", "log_dataset", "log_file"]

# MLflow keeps no longer digest; the tag has the whole fingerprint.
_DIGEST_CHARACTERS = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """A run that had a dataset version as input, and what came of it.

    Attributes
    ----------
    run_id, run_name : str
        Of MLflow's run.
    context : str
        What the data were for, such as "training".
    models : tuple of str
        Registered models that the run made, as `NAME/VERSION`.
    aliases : dict of str to tuple of str
        Which aliases point to one of these models now; those without one are not in it.
    """

    run_id: str
    run_name: str
    context: str
    models: tuple[str, ...]
    aliases: dict[str, tuple[str, ...]]


def log_dataset(version: "DataVersion", *, context: str = "training") -> Any:
    """Log a dataset version as an input of MLflow's active run.

    A run is started if none is active, as by MLflow's own functions.

    Parameters
    ----------
    version : DataVersion
        Of a store; `DataStore.add` and `DataStore.find` give one.
    context : str, default="training"
        What the data are for, such as "training", "validation" or "test".

    Returns
    -------
    mlflow.data.dataset.Dataset
        As it was given to `mlflow.log_input`: its digest is the start of the
        fingerprint; the whole is a tag of the input, `companion.data.sha256`.

    Raises
    ------
    TrackingError
        If MLflow's store is not there or refuses.
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    """
    with reach_mlflow("`log_dataset`") as mlflow:
        dataset = _make_dataset(version)
        tags = {
            SHA256_TAG: version.fingerprint.sha256,
            VERSION_TAG: version.address,
            STORE_TAG: _locate(version.store),
        }
        try:
            mlflow.log_input(dataset, context=context, tags=tags)
        except mlflow.exceptions.MlflowException as err:
            raise TrackingError(
                f"{version.address} cannot be logged: {describe_failure(err)}"
            ) from err
    return dataset


def log_file(
    client: Any, run_id: str, path: Path, found: "Fingerprint", *, context: str
) -> None:
    """Log a file that is in no store as an input of a run.

    `client` is MLflow's, `found` the file's fingerprint. `find_uses` finds the run by
    any version with the same content.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=path.name,
        digest=found.sha256[:_DIGEST_CHARACTERS],
        source_type="local",
        source=json.dumps({"uri": str(path.absolute())}),
        schema=_describe_schema(found),
        profile=json.dumps(_describe_size(found)),
    )
    tags = [InputTag(CONTEXT_TAG, context), InputTag(SHA256_TAG, found.sha256)]
    client.log_inputs(run_id, datasets=[DatasetInput(dataset, tags)])


def find_uses(version: "DataVersion") -> tuple[DatasetUse, ...]:
    """Find the runs that logged a dataset version, in all experiments.

    Parameters
    ----------
    version : DataVersion
        Of a store. The same content under another name is found as well.

    Returns
    -------
    tuple of DatasetUse
        The newest first; a run that was deleted is not among them.

    Raises
    ------
    TrackingError
        If MLflow's store is not there or refuses.
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    """
    digest = version.fingerprint.sha256[:_DIGEST_CHARACTERS]
    with reach_mlflow("`find_uses`") as mlflow:
        client = mlflow.MlflowClient()
        try:
            experiments = [
                one.experiment_id for one in _all_pages(client.search_experiments)
            ]
            runs = _all_pages(
                client.search_runs,
                experiment_ids=experiments,
                filter_string=f"dataset.digest = '{digest}'",
            )
            uses = [_read_use(client, run, digest) for run in runs]
            aliases = _read_aliases(client, {one for use in uses for one in use.models})
        except mlflow.exceptions.MlflowException as err:
            raise TrackingError(
                f"the runs cannot be searched: {describe_failure(err)}"
            ) from err
    return tuple(
        replace(
            use, aliases={one: aliases[one] for one in use.models if one in aliases}
        )
        for use in uses
    )


def _read_aliases(client: Any, models: set[str]) -> dict[str, tuple[str, ...]]:
    """Find the aliases of those models that have any."""
    found: dict[str, tuple[str, ...]] = {}
    for name in {one.rpartition("/")[0] for one in models}:
        for alias, version in sorted(client.get_registered_model(name).aliases.items()):
            model = f"{name}/{version}"
            found[model] = (*found.get(model, ()), alias)
    return found


def _read_use(client: Any, run: Any, digest: str) -> DatasetUse:
    contexts = (one.context for one in read_logged(run) if one.digest == digest)
    models = _all_pages(
        client.search_model_versions, filter_string=f"run_id = '{run.info.run_id}'"
    )
    return DatasetUse(
        run_id=run.info.run_id,
        run_name=run.info.run_name or "",
        context=next(filter(None, contexts), ""),
        models=tuple(sorted(f"{one.name}/{one.version}" for one in models)),
        aliases={},
    )


def _all_pages(search: Any, **arguments: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(**arguments, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _locate(store: str) -> str:
    """Give a store's address as it is found from another folder too."""
    if "://" in store:
        return store
    return str(Path(store).expanduser().absolute())


def _make_dataset(version: "DataVersion") -> Any:
    from mlflow.data.meta_dataset import MetaDataset

    class _Dataset(MetaDataset):  # type: ignore[misc]
        """What MLflow shows of a version; no value of it is loaded."""

        @property
        def profile(self) -> dict[str, int]:
            return _describe_size(version.fingerprint)

        def to_dict(self) -> dict[str, str]:
            kept: dict[str, str] = super().to_dict()
            return {
                **kept,
                "profile": json.dumps(self.profile),
                "schema": _describe_schema(version.fingerprint),
            }

    return _Dataset(
        source=_make_source(version),
        name=version.name,
        digest=version.fingerprint.sha256[:_DIGEST_CHARACTERS],
    )


def _describe_size(found: "Fingerprint") -> dict[str, int]:
    return {
        "num_rows": found.n_rows,
        "num_elements": found.n_rows * len(found.columns),
    }


def _describe_schema(found: "Fingerprint") -> str:
    """List names and types as MLflow's pages take them."""
    columns = [
        {"name": one.name, "type": one.kind, "required": False} for one in found.columns
    ]
    return json.dumps({"mlflow_colspec": columns})


def _make_source(version: "DataVersion") -> Any:
    """Say where the data are: what MLflow can fetch by itself, where it can."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.exceptions import MlflowException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that several of its classes know a path
        try:
            return resolve_dataset_source(DataStore(version.store).location(version))
        except MlflowException:  # an address that only fsspec knows
            return CodeDatasetSource(
                {VERSION_TAG: version.address, STORE_TAG: version.store}
            )
