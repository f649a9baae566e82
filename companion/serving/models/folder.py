"""What a model folder says about its model, read without loading the model.

The folder is in MLflow's model format. Its file `MLmodel` is read here directly,
so that a model saved as skops can be served without importing MLflow, which
takes seconds and 160 MB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from companion.contract.learned import LearnedContract
from companion.contract.notes import CompanionNotes
from companion.contract.rows import Contract
from companion.contract.signature import read_contract
from companion.errors import ModelError
from companion.serving.models.examples import read_example

__all__ = ["ModelFolder", "SkopsFile", "read_model_folder"]

# The C parser is ten times quicker, where PyYAML was built with it.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    contract : Contract or LearnedContract
        Which rows it accepts.
    example_rows : tuple
        Rows of its example that fit the contract; empty where it has none.
    loader : str
        MLflow's module that loads the model, such as ``"mlflow.sklearn"``.
    predict_fn : str
        Name of the method that answers, such as ``"predict_proba"``.
    takes_list : bool
        Whether the model's type hints ask for a list in place of a data frame.
    skops : SkopsFile or None
        The model's file; None where only MLflow can load the model.
    profile : mapping
        Bins of each column of its training data; empty where it states none.
    warnings : tuple of str
        What its folder lacks, each a sentence for those who serve it.
    """

    path: Path
    name: str
    version: str
    contract: Contract | LearnedContract
    example_rows: tuple[Any, ...]
    loader: str
    predict_fn: str
    takes_list: bool
    skops: SkopsFile | None
    profile: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def example(self) -> Any:
        """One row that the contract accepts, made up where there is no example."""
        if self.example_rows:
            return self.example_rows[0]
        return self.contract.plausible_row()

    @property
    def is_python_model(self) -> bool:
        """Whether the model is Python code of its author's, behind MLflow."""
        return self.loader.startswith("mlflow.pyfunc")


def read_model_folder(
    path: str | Path,
    *,
    name: str | None = None,
    version: str | None = None,
    example: str | Path | None = None,
) -> ModelFolder:
    """Read what a folder in MLflow's model format says.

    `name` and `version` replace those of the folder; `example` is a JSON file of rows,
    for a folder that has none. Raises ModelError if the folder is missing, broken, or
    of a kind that is not served; the message says which and what to do.
    """
    folder = Path(path).expanduser().absolute()
    conf = _read_conf(folder)
    try:
        found = _parse(folder, conf, example)
    except ModelError as err:
        raise ModelError(f"The model in {folder} cannot be served: {err}") from err
    return replace(found, name=name or found.name, version=version or found.version)


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


def _parse(
    folder: Path, conf: Mapping[str, Any], example: str | Path | None
) -> ModelFolder:
    flavors = conf.get("flavors")
    pyfunc = flavors.get("python_function") if isinstance(flavors, dict) else None
    if not isinstance(flavors, dict) or not isinstance(pyfunc, dict):
        raise ModelError(
            "it has no flavor python_function. Save it with one of MLflow's "
            "`save_model` functions."
        )
    signature = conf.get("signature")
    notes = CompanionNotes.from_metadata(conf.get("metadata"))
    contract: Contract | LearnedContract = LearnedContract()
    warnings = []
    if isinstance(signature, dict) and signature.get("inputs"):
        params = signature.get("params")
        contract = read_contract(signature["inputs"], notes.ranges, params=params)
    else:
        warnings.append(
            "It has no signature: rows are only compared with the first ones that it "
            "answers. Save it again with `signature=infer_signature(inputs, outputs)`."
        )
    rows, complaint = read_example(folder, contract, example)
    if complaint:
        warnings.append(complaint)
    name, version = _name_and_version(folder, conf, notes)
    return ModelFolder(
        path=folder,
        name=name,
        version=version,
        contract=contract,
        example_rows=tuple(rows),
        loader=str(pyfunc.get("loader_module") or ""),
        predict_fn=str(pyfunc.get("predict_fn") or "predict"),
        takes_list=bool(conf.get("is_signature_from_type_hint")),
        skops=None if contract.params else _find_skops(folder, flavors),
        profile={name: bins.to_json() for name, bins in notes.profile.items()},
        warnings=tuple(warnings),
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
