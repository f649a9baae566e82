"""Imports MLflow with its telemetry and downloads switched off.

MLflow tries an unreachable server for four minutes, and makes a database where there is
none. `reach_mlflow` asks first whether its stores are there.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from companion.system.extras import require_libraries
from companion.system.tracking_stores import probe_tracking_store

__all__ = ["QUIET", "load_mlflow", "reach_mlflow"]

# MLflow sends usage figures and fetches a catalogue of model prices by default. A
# variable that is set already keeps its value.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_MODEL_CATALOG_URI": "",
}
_STORES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
# Values of MLflow's variables while its stores are asked, unless they are set.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def load_mlflow(part: str) -> ModuleType:
    """Import `mlflow` with `sklearn` and `pyfunc`; takes two to three seconds.

    `part` is what needs it, as the reader knows it: "`companion train`". Raises
    MissingExtraError if a library of the extra `tracking` is not installed.
    """
    require_libraries(
        part, "mlflow", "numpy", "pandas", "sklearn", "skops", extra="tracking"
    )
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    with warnings.catch_warnings():
        # Its own modules warn of their own type hints while they load.
        warnings.simplefilter("ignore")
        import mlflow
        import mlflow.pyfunc
        import mlflow.sklearn

    module: ModuleType = mlflow
    return module


@contextmanager
def reach_mlflow(part: str, *, create: bool = False) -> Iterator[ModuleType]:
    """Load MLflow to ask its tracking store and its registry something.

    Both are the ones that MLflow's environment variables or the program set. While the
    context is open, MLflow gives up a server that has gone within seconds. `part` is as
    in `load_mlflow`, `create` as in `probe_tracking_store`. Raises TrackingError if one
    of the two is not there, MissingExtraError as `load_mlflow` does.
    """
    with _limits():
        probed = set()
        if "mlflow" not in sys.modules:
            # Importing it takes seconds; a server that is down is known before.
            probed = {uri for name in _STORES if (uri := os.environ.get(name))}
            for uri in probed:
                probe_tracking_store(uri, create=create)
        mlflow = load_mlflow(part)
        for uri in {mlflow.get_tracking_uri(), mlflow.get_registry_uri()} - probed:
            probe_tracking_store(uri, create=create)
        yield mlflow


@contextmanager
def _limits() -> Iterator[None]:
    new = {name: value for name, value in _LIMITS.items() if name not in os.environ}
    os.environ.update(new)
    try:
        # MLflow uses parts of other libraries that they deprecate.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for name in new:
            os.environ.pop(name, None)
