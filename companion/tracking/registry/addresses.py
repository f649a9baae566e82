"""From an address such as `models:/NAME@ALIAS` to a version, and to its run."""

import re
from typing import Any

from companion.errors import RegistryError
from companion.tracking.registry.entries import Served
from companion.tracking.registry.registered import RegisteredModel

__all__ = ["find_run", "find_served", "split_address"]

_ADDRESS = re.compile(r"models:/([^/@]+)(?:@([\w-]+)|/(\d+))")


def split_address(address: str) -> tuple[str, str | None, str | None] | None:
    """Return name, alias and version of an address; None if it has another form.

    Either the alias or the version is None.
    """
    found = _ADDRESS.fullmatch(address)
    return None if found is None else (found[1], found[2], found[3])


def find_served(
    model: RegisteredModel, alias: str | None, version: str | None
) -> Served:
    """Find a version by its alias or number; raise RegistryError if there is none."""
    if version is not None:
        return model.check_version(str(int(version)))
    model.check_model()
    aliases = model.aliases()
    if alias not in aliases:
        raise RegistryError(
            f"The model {model.name!r} has no alias {alias!r}; its aliases are "
            f"{', '.join(sorted(aliases)) or 'none'}. Give one that it has."
        )
    return aliases[alias]


def find_run(version: Any, served: Served) -> Any:
    """Find the run that made a version; None if it is not known, or gone."""
    import mlflow

    client = mlflow.MlflowClient()  # of the runs, which may be elsewhere
    run_id = version.run_id
    try:
        if not run_id and served.identity.startswith("m-"):
            run_id = client.get_logged_model(served.identity).source_run_id
        return client.get_run(run_id) if run_id else None
    except mlflow.exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
