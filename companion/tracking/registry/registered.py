"""One registered model, as MLflow's registry has it now."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from companion.errors import CompanionError, RegistryError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure, public_uri
from companion.tracking.registry.entries import Served

__all__ = ["RegisteredModel", "open_model"]

_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_MODEL_ID = re.compile(r"models:/(m-[0-9a-f]{32})")


class RegisteredModel:
    """The aliases and versions of one registered model; `open_model` makes it.

    Attributes
    ----------
    name : str
        Its name.
    client : mlflow.MlflowClient
        Asks the registry, and the tracking store that belongs to it.
    """

    def __init__(self, client: Any, name: str, place: str) -> None:
        self.client = client
        self.name = name
        self._place = place

    def aliases(self) -> dict[str, Served]:
        """Return what each alias points to; nothing if there is no such model."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_registered_model(self.name)
        except MlflowException as err:
            if err.error_code not in _GONE:
                raise
            return {}
        served = {
            alias: self.find(str(version)) for alias, version in found.aliases.items()
        }
        # A version may be deleted meanwhile, and its aliases with it.
        return {alias: one for alias, one in served.items() if one}

    def find(self, version: str) -> Served | None:
        """Find a version; None if there is none."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_model_version(self.name, version)
        except MlflowException as err:
            if err.error_code not in _GONE:
                raise
            return None
        source = str(found.source or "")
        logged = _MODEL_ID.fullmatch(source)
        return Served(version=version, identity=logged[1] if logged else source)

    def check_version(self, version: str) -> Served:
        """Find a version; raise RegistryError if there is none."""
        if found := self.find(version):
            return found
        self.check_model()
        versions = self.client.search_model_versions(
            f"name = '{self.name}'", max_results=5, order_by=["version_number DESC"]
        )
        newest = ", ".join(str(one.version) for one in versions) or "none"
        raise RegistryError(
            f"The model {self.name!r} has no version {version}; the newest are "
            f"{newest}. Give one that it has."
        )

    def check_model(self) -> None:
        """Raise RegistryError if there is no such model."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_registered_model(self.name)
        except MlflowException as err:
            if err.error_code not in _GONE:
                raise
            names = [one.name for one in self.client.search_registered_models()]
            known = ", ".join(sorted(names)[:5]) or "none"
            raise RegistryError(
                f"The registry {self._place} has no model {self.name!r}; it has "
                f"{known}. Register a version of it, or set MLFLOW_REGISTRY_URI or "
                "MLFLOW_TRACKING_URI to the registry that has it."
            ) from err

    def check_free(self, served: Served) -> None:
        """Raise RegistryError if an alias points to a version."""
        holders = [alias for alias, one in self.aliases().items() if one == served]
        if holders:
            points = "point" if len(holders) > 1 else "points"
            raise RegistryError(
                f"Version {served.version} of the model {self.name!r} is not deleted: "
                f"{' and '.join(map(repr, sorted(holders)))} {points} to it. Promote "
                "another version first."
            )

    def point(self, alias: str, served: Served | None) -> None:
        """Make an alias point to a version, or to nothing."""
        if served is None:
            self.client.delete_registered_model_alias(self.name, alias)
        else:
            self.client.set_registered_model_alias(self.name, alias, served.version)

    def delete(self, served: Served) -> None:
        """Delete a version; raise RegistryError if an alias points to it."""
        self.check_free(served)
        self.client.delete_model_version(self.name, served.version)


@contextmanager
def open_model(name: str, part: str) -> Iterator[RegisteredModel]:
    """Open a registered model; failures of MLflow's become TrackingError.

    `part` is what needs it, as the reader knows it: "`companion promote`". The journal
    is beside the registry, so that all who see the one see the other, wherever their
    runs are.
    """
    if not name or set(name) & set("/:'\""):
        raise RegistryError(
            f"{name!r} is not the name of a registered model. Give it without a "
            "version or an alias, such as terrace."
        )
    with reach_mlflow(part) as mlflow:
        uri = mlflow.get_registry_uri()
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        try:
            yield RegisteredModel(client, name, public_uri(uri))
        except CompanionError:
            raise
        except Exception as err:  # a database's driver may raise anything
            raise TrackingError(
                f"The registry did not do what {part} asked for the model {name!r}: "
                f"{describe_failure(err)} `companion history {name}` shows what was "
                "done."
            ) from err
