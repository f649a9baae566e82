"""The datasets that a run of MLflow's has logged, and the tags for their versions.

`companion.tracking.data.usage` writes them; here they are read, for everybody.
"""

from dataclasses import dataclass
from typing import Any

__all__ = [
    "CONTEXT_TAG",
    "SHA256_TAG",
    "STORE_TAG",
    "VERSION_TAG",
    "LoggedDataset",
    "read_logged",
]

CONTEXT_TAG = "mlflow.data.context"
SHA256_TAG = "companion.data.sha256"
VERSION_TAG = "companion.data.version"
STORE_TAG = "companion.data.store"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDataset:
    """A dataset that is an input of a run.

    Attributes
    ----------
    name, digest : str
        As MLflow's pages show them.
    profile : str or None
        Its size, as JSON.
    context : str or None
        What the data were for, such as "training".
    sha256 : str or None
        The whole fingerprint; None if the digest is MLflow's own.
    version, store : str or None
        `NAME@START` and where it is kept; None if it is in no store.
    """

    name: str
    digest: str
    profile: str | None
    context: str | None
    sha256: str | None
    version: str | None
    store: str | None


def read_logged(run: Any) -> list[LoggedDataset]:
    """Read the datasets that a run has as inputs."""
    found = []
    for one in run.inputs.dataset_inputs:
        tags = {tag.key: tag.value for tag in one.tags}
        found.append(
            LoggedDataset(
                name=one.dataset.name,
                digest=one.dataset.digest,
                profile=one.dataset.profile,
                context=tags.get(CONTEXT_TAG),
                sha256=tags.get(SHA256_TAG),
                version=tags.get(VERSION_TAG),
                store=tags.get(STORE_TAG),
            )
        )
    return found
