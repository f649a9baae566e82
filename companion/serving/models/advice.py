"""What to do about a model that does not load or does not answer its example."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from companion.serving.models.folder import ModelFolder

__all__ = ["advise", "advise_on_count", "other_versions"]

_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([\w.+!-]+)", re.MULTILINE)
_MOST = 3
_CATEGORY = re.compile(r"category|categories|categorical")


def advise(folder: ModelFolder, failure: BaseException) -> str:
    """Say what to do about a failure, as one or two sentences."""
    differing = other_versions(folder.path)
    if differing:
        return (
            f"The folder was saved with other versions: {differing}. Install its "
            "requirements.txt, or save the model again with the versions here."
        )
    text = f"{failure} {failure.__cause__ or ''}".lower()
    if _CATEGORY.search(text) and _has_text(folder):
        return (
            "A signature has no type for categories, so a column of pandas' type "
            "category arrives as text. Encode it in the pipeline, for example with "
            "OrdinalEncoder, or serve a Python model that casts it."
        )
    if "untrusted" in text:
        return (
            "List the types that you trust when you save it: "
            "`skops_trusted_types=[...]`, or `trusted_types=` of save_model_folder."
        )
    return (
        "Save it again with the libraries installed here and with `input_example=`, "
        "or give rows that it can answer with --example FILE."
    )


def advise_on_count(folder: ModelFolder) -> str:
    """Say what to do about a model that gives too many or too few answers."""
    if _has_text(folder) and folder.contract.layout != "array":
        return (
            "A step that takes texts, such as TfidfVectorizer, reads the names of a "
            "data frame's columns instead of its rows; MLflow's own server has the "
            "same fault. Put it behind `make_column_transformer((TfidfVectorizer(), "
            '"text"))`, or save the model with a signature of bare texts: '
            "`infer_signature(numpy.array(texts, dtype=object))`."
        )
    return "Served are models that give one answer for each row."


def other_versions(folder: Path) -> str:
    """Name libraries that are installed in another version than the folder asks for."""
    try:
        text = (folder / "requirements.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    differing = []
    for name, wanted in _PINNED.findall(text):
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found != wanted:
            differing.append(f"{name} {wanted} (installed: {found})")
    return ", ".join(differing[:_MOST])


def _has_text(folder: ModelFolder) -> bool:
    return any(column.kind == "string" for column in folder.contract.columns)
