"""The book's own Sphinx extensions, loaded by path as Sphinx does."""

import importlib.util
from pathlib import Path
from types import ModuleType

__all__ = ["load_extension"]

_FOLDER = Path(__file__).resolve().parents[2] / "book" / "_ext"


def load_extension(name: str) -> ModuleType:
    """Import one module of book/_ext, which is a folder and not a package."""
    spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
