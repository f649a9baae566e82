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
    """Make the `__getattr__` and the `__dir__` of a package.

    Parameters
    ----------
    package : str
        The package's `__name__`.
    modules : mapping of str to str
        Public name to the module that defines it.
    libraries : sequence of str, optional
        Libraries that all of these modules need, by the names to import.
    extra : str, optional
        The extra that brings them.

    Returns
    -------
    callable, callable
        `__getattr__` and `__dir__`, as PEP 562 has them. Tools that list a
        package's names, such as the documentation's, ask the second. Where a
        library is missing, the first raises `MissingExtraError`.

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
