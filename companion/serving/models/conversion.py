"""Finding the ONNX form of a model: kept from an earlier start, or converted now.

A conversion takes seconds, so it is kept in the user's cache, under a name of all that
can change it: the content of the model's folder and the versions of the libraries. That
a model cannot be converted, or answers otherwise then, is kept too. Each
use of a conversion proves it anew, so that a broken or foreign file does no harm.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

from companion import __version__
from companion.serving.models.folder import ModelFolder

__all__ = ["NotFast", "find_conversion", "forget_conversion"]

# `--engine onnx` waits longer for a conversion than `auto`.
_PATIENCE_S = 30.0
_LONG_PATIENCE_S = 600.0
_UNUSED_DAYS = 90
_LIBRARIES = (
    "lightgbm",
    "mlflow",
    "numpy",
    "onnx",
    "onnxruntime",
    "scikit-learn",
    "skl2onnx",
    "xgboost",
    "xgboost-cpu",
)
_PROGRAM = "companion.serving.models.convert"

# A server's parent fills it before it forks, so that no worker converts again where
# the cache cannot be written.
_found: dict[str, bytes] = {}


class NotFast(Exception):  # noqa: N818 - a reason that `auto` takes calmly
    """A model that ONNX Runtime does not answer for; its message is the reason."""


def find_conversion(folder: ModelFolder, *, patient: bool = False) -> bytes:
    """Return the model in a folder as ONNX.

    With `patient`, a conversion may take minutes, and one that took too long before is
    tried again. Raises NotFast if it cannot be converted.
    """
    key = _key(folder)
    content = _found.get(key)
    if content is None:
        content = _read(key)
        if content is None or (patient and _reason(content)):
            content = _convert(folder, _LONG_PATIENCE_S if patient else _PATIENCE_S)
            _keep(key, content)
        _found[key] = content
    if reason := _reason(content):
        raise NotFast(reason)
    return content


def forget_conversion(folder: ModelFolder) -> None:
    """Drop what is kept of a model, because it does not work."""
    key = _key(folder)
    _found.pop(key, None)
    with contextlib.suppress(OSError):
        _path(key).unlink()


def _reason(content: bytes) -> str | None:
    """Return why a model cannot be converted; None if it is converted."""
    if not content.startswith(b"{"):  # an ONNX file starts with its version
        return None
    return str(json.loads(content)["reason"])


def _convert(folder: ModelFolder, seconds: float) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "model.onnx")
        # -P: not a companion.py that happens to lie in the working folder.
        command = [sys.executable, "-P", "-m", _PROGRAM, str(folder.path), str(out)]
        try:
            subprocess.run(
                command,
                timeout=seconds,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return out.read_bytes()
        except subprocess.TimeoutExpired:
            reason = f"its conversion takes more than {seconds:g} seconds"
        except OSError as err:
            reason = f"its conversion failed: {err.strerror or err}"
    return json.dumps({"reason": reason}).encode()


def _key(folder: ModelFolder) -> str:
    """Name a conversion by all that can change it."""
    digest = hashlib.sha256(f"{__version__} {folder.predict_fn}".encode())
    for library in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f" {library} {version(library)}".encode())
    for path in sorted(folder.path.rglob("*")):
        if path.is_file():
            digest.update(f"\n{path.relative_to(folder.path)} ".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _path(key: str) -> Path:
    cache = platformdirs.user_cache_path("mlops-companion", appauthor=False)
    return cache / "onnx" / f"{key}.onnx"


def _read(key: str) -> bytes | None:
    path = _path(key)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it is in use
    try:
        _reason(content)
    except (ValueError, LookupError):
        return None  # half written, or not by us
    return content or None


def _keep(key: str, content: bytes) -> None:
    """Write the file in one step; a cache that cannot be written is done without."""
    path = _path(key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
        oldest = time.time() - _UNUSED_DAYS * 86400
        for other in path.parent.iterdir():
            if other.stat().st_mtime < oldest:
                other.unlink()
