"""Building the book, or a copy of it, as strictly as `nox -s book` does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "build_book", "copy_sources"]

ROOT = Path(__file__).resolve().parents[2]

_QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "NO_COLOR": "1",
}


def copy_sources(folder: Path) -> None:
    """Copy the book's sources, so that a build leaves nothing beside them."""
    shutil.copytree(ROOT / "book", folder / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder / name)


def build_book(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the book in a folder; what the build says is in `stdout`."""
    # As in an activated environment: cells run commands of this one by name.
    scripts = str(Path(sys.executable).parent)
    search = os.pathsep.join([scripts, os.environ.get("PATH", "")])
    program = shutil.which("jupyter-book", path=search)
    assert program is not None, "the development environment has jupyter-book"
    return subprocess.run(
        [program, "build", str(folder), "--all", "-W", "-n", "--keep-going"],
        env=os.environ | _QUIET | {"PATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1100,
        check=False,
    )
