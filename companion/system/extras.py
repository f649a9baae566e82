"""Checks that the libraries of an extra are installed."""

import importlib.util

from companion.errors import MissingExtraError

__all__ = ["require_libraries"]

# Where the name to import differs from the name to install.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml"}


def require_libraries(part: str, *modules: str, extra: str) -> None:
    """Check that libraries are there, without importing them.

    Parameters
    ----------
    part : str
        What was asked for, as the reader knows it: "`companion train`".
    *modules : str
        Names to import, such as "sklearn".
    extra : str
        The extra that brings them.

    Raises
    ------
    MissingExtraError
        If one of them cannot be found; it names the first.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            library = _DISTRIBUTIONS.get(module, module)
            raise MissingExtraError(part, library=library, extra=extra)
