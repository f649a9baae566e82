"""Imports MLflow with its telemetry and downloads switched off."""

import os
import warnings
from types import ModuleType

from companion.system.extras import require_libraries

__all__ = ["load_mlflow"]

# MLflow sends usage figures and fetches a catalogue of model prices by default. A
# variable that is set already keeps its value.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_MODEL_CATALOG_URI": "",
}


def load_mlflow(part: str) -> ModuleType:
    """Import `mlflow` with `sklearn` and `pyfunc`; takes two to three seconds.

    `part` is what needs it, as the reader knows it: "`companion train`". Raises
    MissingExtraError if a library of the extra `tracking` is not installed.
    """
    require_libraries(
        part, "mlflow", "numpy", "pandas", "sklearn", "skops", extra="tracking"
    )
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    with warnings.catch_warnings():
        # Its own modules warn of their own type hints while they load.
        warnings.simplefilter("ignore")
        import mlflow
        import mlflow.pyfunc
        import mlflow.sklearn

    module: ModuleType = mlflow
    return module
