"""Models with everything that is needed to serve them and to trace them back.

Needs the extra `tracking`; MLflow is imported only by what uses it.
"""

from typing import TYPE_CHECKING

from companion.contract.ranges import Range
from companion.system.lazy import load_lazily
from companion.tracking.ranges import allowed_ranges
from companion.tracking.saving import save_model_folder, training_metadata

if TYPE_CHECKING:
    from companion.tracking.cards.card import (
        ModelCard,
        check_model_card,
        write_model_card,
    )
    from companion.tracking.gates.gate import run_gate
    from companion.tracking.gates.rules import GateRules, read_rules
    from companion.tracking.gates.verdict import Verdict

__all__ = [
    "GateRules",
    "ModelCard",
    "Range",
    "Verdict",
    "allowed_ranges",
    "check_model_card",
    "read_rules",
    "run_gate",
    "save_model_folder",
    "training_metadata",
    "write_model_card",
]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "GateRules": "companion.tracking.gates.rules",
        "ModelCard": "companion.tracking.cards.card",
        "Verdict": "companion.tracking.gates.verdict",
        "check_model_card": "companion.tracking.cards.card",
        "read_rules": "companion.tracking.gates.rules",
        "run_gate": "companion.tracking.gates.gate",
        "write_model_card": "companion.tracking.cards.card",
    },
    libraries=("numpy", "pandas"),
    extra="tracking",
)
