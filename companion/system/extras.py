"""Checks that the libraries of an extra are installed."""

import importlib.util

from companion.errors import MissingExtraError

__all__ = ["require_libraries"]

# Where the name to import differs from the name to install.
_DISTRIBUTIONS = {
    "prometheus_client": "prometheus-client",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def require_libraries(part: str, *modules: str, extra: str) -> None:
    """Check that modules can be imported, without importing them.

    `part` is what was asked for, as the reader knows it: "`companion train`". If a
    module cannot be found, MissingExtraError names the first, and the extra that brings
    it.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            library = _DISTRIBUTIONS.get(module, module)
            raise MissingExtraError(part, library=library, extra=extra)
