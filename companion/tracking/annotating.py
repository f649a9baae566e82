"""Add the ranges and the profile of training data to a model folder that has none."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from companion.contract.notes import CompanionNotes
from companion.contract.profile import ColumnProfile
from companion.contract.ranges import Range
from companion.contract.rows import Contract
from companion.contract.signature import read_contract
from companion.errors import DataError, ModelError, RefusedError
from companion.tracking.profiling import make_profile
from companion.tracking.ranges import allowed_ranges
from companion.tracking.selecting import select_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Annotation", "annotate", "write_annotation"]

# The block of the file that is ours and other programs' metadata, to the next key.
_METADATA = re.compile(r"^metadata:.*\n(?:(?:[ \t-].*)?\n)*", re.MULTILINE)
_TRAINED_ON = "Give the data that the model was trained on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What is known of the columns of a model now.

    Attributes
    ----------
    path : Path
        The file MLmodel.
    ranges : mapping
        Range of each column of numbers.
    kept : frozenset of str
        Columns whose range was in the folder before, and stays.
    profile : mapping
        Bins of each column.
    left_out : tuple of str
        Columns of the data that the model does not have.
    """

    path: Path
    ranges: Mapping[str, Range]
    kept: frozenset[str]
    profile: Mapping[str, ColumnProfile]
    left_out: tuple[str, ...]


def annotate(
    folder: Path, data: "pd.DataFrame", *, replace_ranges: bool = False
) -> Annotation:
    """Work out ranges and profile of a folder's model from its training data.

    Ranges that the folder has stay, unless `replace_ranges`. Raises ModelError if the
    folder is none or has no named columns, and DataError if the data does not fit them.
    """
    path = (folder / "MLmodel" if folder.is_dir() else folder).absolute()
    conf = _read(path)
    contract = _contract(path, conf)
    notes = CompanionNotes.from_metadata(conf.get("metadata"))
    features = select_columns(contract, data, advice=_TRAINED_ON)
    ranges = allowed_ranges(features)
    kept = frozenset() if replace_ranges else frozenset(notes.ranges)
    ranges.update({name: notes.ranges[name] for name in kept})
    _check_example(path.parent, conf, ranges)
    return Annotation(
        path=path,
        ranges=ranges,
        kept=kept,
        profile=make_profile(features),
        left_out=tuple(str(name) for name in data if str(name) not in contract.names),
    )


def write_annotation(annotation: Annotation) -> None:
    """Write ranges and profile into the file MLmodel, at once or not at all.

    Everything else in the file stays as it is, to the letter. Raises ModelError if it
    cannot be written.
    """
    path = annotation.path.resolve()
    text = path.read_text(encoding="utf-8")
    conf = _read(path)
    metadata = dict(conf.get("metadata") or {})
    notes = CompanionNotes.from_metadata(metadata)
    ours = CompanionNotes(
        name=notes.name,
        version=notes.version,
        ranges=annotation.ranges,
        profile=annotation.profile,
    ).to_metadata()
    wanted = {**conf, "metadata": {**metadata, **ours}}
    block = yaml.safe_dump({"metadata": wanted["metadata"]}, allow_unicode=True)
    if _METADATA.search(text):
        text = _METADATA.sub(lambda _: block, text, count=1)
    else:
        text = f"{text.rstrip()}\n{block}"
    if yaml.safe_load(text) != wanted:
        raise ModelError(
            f"{path} is written in a way that cannot be changed without losing "
            "something. Save the model again with metadata=training_metadata(features)."
        )
    try:
        _replace(path, text)
    except OSError as err:
        raise ModelError(f"{path} cannot be written: {err.strerror or err}.") from err


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=".MLmodel-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Mapping[str, Any]:
    try:
        conf = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"There is no file {path}, so it is no model folder. Give the folder that "
            "holds MLmodel; a model of a registry is logged again, with "
            "metadata=training_metadata(features)."
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as err:
        raise ModelError(f"{path} cannot be read: {err}.") from err
    if not isinstance(conf, dict):
        raise ModelError(f"{path} holds no settings of a model. Save the model again.")
    return conf


def _contract(path: Path, conf: Mapping[str, Any]) -> Contract:
    signature = conf.get("signature")
    inputs = signature.get("inputs") if isinstance(signature, dict) else None
    if not inputs:
        raise ModelError(
            f"The model in {path.parent} has no signature, so its columns are not "
            "known. Save it again with `signature=infer_signature(inputs, outputs)`."
        )
    contract = read_contract(inputs)
    if contract.layout != "frame":
        raise ModelError(
            f"The model in {path.parent} takes arrays or columns without names, which "
            "have no ranges. Save it with a signature made from a pandas DataFrame."
        )
    return contract


def _check_example(
    folder: Path, conf: Mapping[str, Any], ranges: Mapping[str, Range]
) -> None:
    """Refuse ranges with which the model's own example could not be served."""
    try:
        split = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
        rows = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    except (OSError, ValueError, TypeError, KeyError):
        return  # it has none, or not one of a data frame
    try:
        read_contract(conf["signature"]["inputs"], ranges).check(rows)
    except RefusedError as err:
        raise DataError(
            f"the model's own example does not fit the ranges of the data: {err} Give "
            "the data that the model was trained on."
        ) from None
