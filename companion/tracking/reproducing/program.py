"""The program of a run, run again, with stores of its own."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from companion.errors import ReproduceError
from companion.settings import SETTINGS
from companion.tracking.runs.command import PLACE_VARIABLE, PYTHON, VARIABLES, Command
from companion.tracking.runs.git import git_environ

__all__ = ["find_module_folders", "run_program"]

_SHOWN_LINES = 20
# Of the user's own store, where the program must not write.
_REMOVED = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")


def run_program(
    command: Command,
    tree: Path,
    *,
    tracking_uri: str,
    data_store: Path,
    module_folders: list[Path],
    log: Path,
) -> None:
    """Run a program in a checkout; what it prints goes to the file `log`.

    Raises ReproduceError with its last lines if it fails.
    """
    environ = {k: v for k, v in git_environ().items() if k not in _REMOVED}
    for name in VARIABLES:
        environ.pop(name, None)
    environ |= {
        **command.variables,
        PLACE_VARIABLE: tracking_uri,
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_REGISTRY_URI": tracking_uri,
        SETTINGS["data-store"].variable: str(data_store),
        "PYTHONPATH": os.pathsep.join(
            filter(None, (*map(str, module_folders), environ.get("PYTHONPATH")))
        ),
    }
    folder = tree / (command.folder or ".")
    program, *rest = command.arguments
    try:
        with log.open("wb") as output:
            code = subprocess.run(
                [_find_program(program), *rest],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    except OSError as err:
        raise ReproduceError(
            f"`{command.line}` cannot be started in {command.folder or '.'} of the "
            f"checkout: {err.strerror or err}."
        ) from err
    if code:
        lines = log.read_text("utf-8", "replace").rstrip().splitlines()
        shown = "\n".join(f"  {one}" for one in lines[-_SHOWN_LINES:])
        raise ReproduceError(
            f"`{command.line}` ended with the exit code {code} this time. What it "
            f"printed last:\n{shown or '  nothing'}"
        )


def _find_program(name: str) -> str:
    if name == PYTHON:
        return sys.executable
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside) or shutil.which(name)
    if found is None:
        raise ReproduceError(
            f"The run was started with the command `{name}`, which is not installed "
            "here. Install the package that brings it."
        )
    return found


def find_module_folders(root: Path, tree: Path) -> tuple[list[Path], list[str]]:
    """Find the folders that modules come from beside the environment's own.

    Returns those of the checkout `tree` that stand for one of the repository `root`,
    to be looked in first: otherwise a package that is installed in editable mode would
    be imported as it is now, not as it was. Then what is elsewhere: names of such
    packages, and folders.
    """
    code = "import json, sys; print(json.dumps([one for one in sys.path if one]))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    ).stdout
    paths = [Path(one).resolve() for one in json.loads(shown)]
    places = [one for one in paths if one.is_dir() and not _is_of_python(one)]
    editable = _list_editable()
    places += [
        project
        for project in editable
        if not any(one.is_relative_to(project) for one in places)
    ]
    inside = [
        tree / one.relative_to(root) for one in places if one.is_relative_to(root)
    ]
    elsewhere = [_name(one, editable) for one in places if not one.is_relative_to(root)]
    return [one for one in inside if one.is_dir()], list(dict.fromkeys(elsewhere))


def _name(folder: Path, editable: dict[Path, str]) -> str:
    """Name what is imported from a folder; that of a package differs by machine."""
    for project in (folder, *folder.parents):
        if project in editable:
            return f"the package {editable[project]}"
    return f"the modules in {folder}"


def _is_of_python(folder: Path) -> bool:
    """Tell a folder of the interpreter or of its installed packages."""
    library = [Path(sysconfig.get_path(one)) for one in ("stdlib", "platstdlib")]
    return (
        folder.name in ("site-packages", "dist-packages", "DLLs")
        or any(folder.is_relative_to(one.resolve()) for one in library)
        or folder in (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    )


def _list_editable() -> dict[Path, str]:
    """Map folders of projects that are installed in editable mode to their names."""
    found = {}
    for one in importlib.metadata.distributions():
        origin = json.loads(one.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            path = Path(url2pathname(urlsplit(origin["url"]).path)).resolve()
            if path.is_dir():
                found[path] = one.name
    return found
