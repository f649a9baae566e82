"""Building the book, or a copy of it, as strictly as `nox -s book` does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "build_book", "copy_sources", "execute_chapters", "jupyter_book"]

ROOT = Path(__file__).resolve().parents[2]

_QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "NO_COLOR": "1",
}
# A chapter that `nox -s book` executed is not executed again, nor the other way round.
_KEPT = {"COMPANION_BOOK_EXECUTED": str(ROOT / "_build" / ".executed")}


def copy_sources(folder: Path) -> None:
    """Copy the book's sources, so that a build leaves nothing beside them."""
    for name in ("book", ".docker"):  # a chapter shows the Dockerfile
        shutil.copytree(ROOT / name, folder / name)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder / name)


def build_book(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the book in a folder; what the build says is in `stdout`."""
    executed = execute_chapters(folder, **variables)
    return executed if executed.returncode else jupyter_book(folder, **variables)


def execute_chapters(
    folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Execute the chapters of the book in a folder that have no kept result."""
    script = folder / "book" / "_ext" / "run_chapters.py"
    return _run("python", str(script), str(folder), **variables)


def jupyter_book(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the book in a folder, with the kept results that there are."""
    strict = ["--all", "-W", "-n", "--keep-going"]
    return _run("jupyter-book", "build", str(folder), *strict, **variables)


def _run(
    program: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    # As in an activated environment: cells run commands of this one by name.
    scripts = str(Path(sys.executable).parent)
    search = os.pathsep.join([scripts, os.environ.get("PATH", "")])
    found = shutil.which(program, path=search)
    assert found is not None, f"the development environment has {program}"
    return subprocess.run(
        [found, *arguments],
        env=os.environ | _QUIET | _KEPT | {"PATH": search} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1100,
        check=False,
    )
