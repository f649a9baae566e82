"""What a model folder says about its model, read without loading the model.

The folder is in MLflow's model format. Its file `MLmodel` is read here directly,
so that a model saved as skops can be served without importing MLflow, which
takes seconds and 160 MB.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from companion.contract.notes import CompanionNotes
from companion.contract.rows import Contract
from companion.contract.signature import read_contract
from companion.errors import ModelError, RefusedError
from companion.serving.http.formats import rows_of_invocation

__all__ = ["ModelFolder", "SkopsFile", "read_model_folder"]

# The C parser is ten times quicker, where PyYAML was built with it.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXAMPLES = ("serving_input_example.json", "input_example.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkopsFile:
    """A scikit-learn model that can be loaded without MLflow.

    The trusted types may be loaded beside those that skops itself trusts, as the one
    who saved the model listed them.
    """

    path: Path
    trusted_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """What is known of a model before it is loaded.

    Attributes
    ----------
    path : Path
        The folder, absolute.
    name, version : str
        What the model is called in answers and in the log.
    contract : Contract
        Which rows it accepts.
    example : dict
        One row that it accepts: column name to value.
    predict_fn : str
        Name of the method that answers, such as ``"predict_proba"``.
    skops : SkopsFile or None
        The model's file; None where only MLflow can load the model.
    """

    path: Path
    name: str
    version: str
    contract: Contract
    example: dict[str, Any]
    predict_fn: str
    skops: SkopsFile | None


def read_model_folder(path: str | Path) -> ModelFolder:
    """Read what a folder in MLflow's model format says.

    Raises ModelError if the folder is missing, broken, or of a kind that is not served;
    the message says which and what to do.
    """
    folder = Path(path).expanduser().absolute()
    conf = _read_conf(folder)
    try:
        return _parse(folder, conf)
    except ModelError as err:
        raise ModelError(f"The model in {folder} cannot be served: {err}") from err


def _read_conf(folder: Path) -> Mapping[str, Any]:
    if not folder.is_dir():
        raise ModelError(
            f"There is no model folder {folder}. Make one with "
            "`companion train --out FOLDER`, or give the folder that MLflow wrote."
        )
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelError(
            f"{folder} has no file MLmodel, so it is not a model folder. Give the "
            "folder that holds MLmodel."
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{folder / 'MLmodel'} cannot be read: {err}.") from err
    try:
        conf = yaml.load(text, _YamlLoader)  # noqa: S506 - a safe loader, see above
    except yaml.YAMLError as err:
        where = getattr(err, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ModelError(
            f"{folder / 'MLmodel'} is not YAML{line}. Save the model again."
        ) from err
    if not isinstance(conf, dict):
        raise ModelError(
            f"{folder / 'MLmodel'} holds no settings of a model. Save the model again."
        )
    return conf


def _parse(folder: Path, conf: Mapping[str, Any]) -> ModelFolder:
    flavors = conf.get("flavors")
    pyfunc = flavors.get("python_function") if isinstance(flavors, dict) else None
    if not isinstance(flavors, dict) or not isinstance(pyfunc, dict):
        raise ModelError(
            "it has no flavor python_function. Save it with one of MLflow's "
            "`save_model` functions."
        )
    signature = conf.get("signature")
    if not isinstance(signature, dict) or not signature.get("inputs"):
        raise ModelError(
            "it has no signature, so its inputs are not known. Save it again with "
            "`signature=infer_signature(inputs, outputs)`."
        )
    notes = CompanionNotes.from_metadata(conf.get("metadata"))
    contract = read_contract(signature["inputs"], notes.ranges)
    name, version = _name_and_version(folder, conf, notes)
    return ModelFolder(
        path=folder,
        name=name,
        version=version,
        contract=contract,
        example=_read_example(folder, contract),
        predict_fn=str(pyfunc.get("predict_fn") or "predict"),
        skops=_find_skops(folder, flavors),
    )


def _name_and_version(
    folder: Path, conf: Mapping[str, Any], notes: CompanionNotes
) -> tuple[str, str]:
    registered: Any = {}
    try:
        # MLflow puts this file beside a model that comes from its registry.
        text = (folder / "registered_model_meta").read_text(encoding="utf-8")
        registered = yaml.load(text, _YamlLoader)  # noqa: S506 - a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        pass
    if not isinstance(registered, dict):
        registered = {}
    name = notes.name or registered.get("model_name") or folder.name
    version = (
        notes.version
        or registered.get("model_version")
        or conf.get("model_id")
        or conf.get("model_uuid")
        or "unknown"
    )
    return str(name)[:200], str(version)[:200]


def _find_skops(folder: Path, flavors: Mapping[str, Any]) -> SkopsFile | None:
    sklearn, pyfunc = flavors.get("sklearn"), flavors["python_function"]
    if (
        not isinstance(sklearn, dict)
        or sklearn.get("serialization_format") != "skops"
        or pyfunc.get("loader_module") != "mlflow.sklearn"
        # Code that comes with the model is put on the import path by MLflow.
        or sklearn.get("code")
        or pyfunc.get("code")
    ):
        return None
    path = folder / str(sklearn.get("pickled_model"))
    if not path.is_file():
        raise ModelError(f"its file {path.name} is missing. Save the model again.")
    trusted = sklearn.get("skops_trusted_types") or []
    if not isinstance(trusted, list):
        raise ModelError(
            f"its skops_trusted_types are {str(trusted)[:80]!r}; expected is a list of "
            "names. Save the model again."
        )
    return SkopsFile(path=path, trusted_types=tuple(map(str, trusted)))


def _read_example(folder: Path, contract: Contract) -> dict[str, Any]:
    for name in _EXAMPLES:
        try:
            body = json.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as err:
            raise ModelError(f"its file {name} cannot be read: {err}.") from err
        if name == "input_example.json":
            body = {"dataframe_split": body}
        try:
            rows = rows_of_invocation(body, contract)[:1]
            contract.check(rows)
        except RefusedError as err:
            raise ModelError(
                f"its own example, {name}, does not fit its signature and ranges: {err}"
            ) from err
        example: dict[str, Any] = rows[0]
        return example
    return {column.name: column.plausible() for column in contract.columns}
