"""Public names that a package loads when they are first used.

A package whose modules need heavy libraries offers its names without loading
them, so that importing one light module of it stays quick.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from companion.system.extras import require_libraries

__all__ = ["load_lazily"]


def load_lazily(
    package: str,
    modules: Mapping[str, str],
    *,
    libraries: Sequence[str] = (),
    extra: str = "",
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package, as PEP 562 has them.

    `modules` maps each public name to the module that defines it; all of them need the
    `libraries`, given by the names to import, which `extra` brings. Where one is
    missing, `__getattr__` raises `MissingExtraError`. Tools that list a package's
    names, such as the documentation's, ask `__dir__`.

    Examples
    --------
    >>> find, _ = load_lazily("companion.system", {"chain": "itertools"})
    >>> find("chain").__name__
    'chain'
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        require_libraries(f"`{package}`", *libraries, extra=extra)
        value = getattr(importlib.import_module(modules[name]), name)
        vars(sys.modules[package])[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return find, names
