"""Models with everything that is needed to serve them and to trace them back.

Needs the extra `tracking`; MLflow is imported only by what uses it.
"""

from companion.contract.ranges import Range
from companion.tracking.ranges import allowed_ranges
from companion.tracking.saving import save_model_folder, training_metadata

__all__ = ["Range", "allowed_ranges", "save_model_folder", "training_metadata"]
