"""The dataset versions of a run, copied into a store that holds nothing else."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from companion.errors import DataStoreError
from companion.tracking.data.logged import read_logged
from companion.tracking.data.stores import DataStore

__all__ = ["stage_data"]


def stage_data(
    runs: Iterable[Any], target: Path, *, fallback: str
) -> tuple[list[str], list[str]]:
    """Copy the versions that the runs of a program have logged into a new store.

    So a program that asks for the newest version of a dataset gets the one of then,
    and what it adds goes to no store of the user's. Each is read from the store that
    the run has recorded, else from `fallback`, and verified by its fingerprint.

    Returns what was verified, and what could not be.
    """
    verified, missing = [], []
    found = []
    inputs = {(one.name, one.digest): one for run in runs for one in read_logged(run)}
    for one in inputs.values():
        if one.version is None or one.store is None:
            missing.append(
                f"The dataset {one.name!r} was logged without a version, so "
                "it is not known whether the data are the same. Use `log_dataset`."
            )
            continue
        name = one.version.partition("@")[0]
        try:
            found.append(_find(f"{name}@{one.sha256}", one.store, fallback))
        except DataStoreError as err:
            missing.append(
                f"{one.version} is in no store, so the program has "
                f"to bring it itself: {err}"
            )
    if not inputs:
        missing.append("The program has logged no dataset; `log_dataset` does.")
    # The newest is added last, as it was.
    for store, version in sorted(found, key=lambda pair: pair[1].added):
        with tempfile.TemporaryDirectory(prefix="companion-") as folder:
            inside = version.name if version.is_folder else version.files[0].path
            try:
                copy = store.get(version, Path(folder) / inside)
                kept, _ = DataStore(target).add(
                    copy, name=version.name, note=version.note
                )
            except DataStoreError as err:
                missing.append(str(err))
                continue
        if kept.fingerprint != version.fingerprint:
            missing.append(
                f"{version.address} in {store.address} is damaged: its content has the "
                f"fingerprint {kept.fingerprint.sha256[:12]}."
            )
            continue
        verified.append(f"{version.address}, from {store.address}")
    return verified, missing


def _find(address: str, *places: str) -> tuple[DataStore, Any]:
    refused = None
    for place in dict.fromkeys(places):
        try:
            store = DataStore(place)
            return store, store.find(address)
        except DataStoreError as err:
            refused = refused or err
    assert refused is not None  # noqa: S101 - for the type checker
    raise refused
