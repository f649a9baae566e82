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
    from companion.tracking.lineage.chain import Lineage, Link
    from companion.tracking.lineage.drawing import draw_lineage
    from companion.tracking.lineage.tracing import trace_lineage
    from companion.tracking.registry.entries import JournalEntry, Served
    from companion.tracking.registry.history import History, history
    from companion.tracking.registry.promotion import delete_version, promote, rollback
    from companion.tracking.reproducing.comparing import Compared, Deviation
    from companion.tracking.reproducing.reproduce import reproduce
    from companion.tracking.reproducing.result import Reproduction
    from companion.tracking.runs.recording import run
    from companion.tracking.server import mlflow_in_background

__all__ = [
    "Compared",
    "Deviation",
    "GateRules",
    "History",
    "JournalEntry",
    "Lineage",
    "Link",
    "ModelCard",
    "Range",
    "Reproduction",
    "Served",
    "Verdict",
    "allowed_ranges",
    "check_model_card",
    "delete_version",
    "draw_lineage",
    "history",
    "mlflow_in_background",
    "promote",
    "read_rules",
    "reproduce",
    "rollback",
    "run",
    "run_gate",
    "save_model_folder",
    "trace_lineage",
    "training_metadata",
    "write_model_card",
]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "Compared": "companion.tracking.reproducing.comparing",
        "Deviation": "companion.tracking.reproducing.comparing",
        "GateRules": "companion.tracking.gates.rules",
        "History": "companion.tracking.registry.history",
        "JournalEntry": "companion.tracking.registry.entries",
        "Lineage": "companion.tracking.lineage.chain",
        "Link": "companion.tracking.lineage.chain",
        "ModelCard": "companion.tracking.cards.card",
        "Reproduction": "companion.tracking.reproducing.result",
        "Served": "companion.tracking.registry.entries",
        "Verdict": "companion.tracking.gates.verdict",
        "check_model_card": "companion.tracking.cards.card",
        "delete_version": "companion.tracking.registry.promotion",
        "draw_lineage": "companion.tracking.lineage.drawing",
        "history": "companion.tracking.registry.history",
        "mlflow_in_background": "companion.tracking.server",
        "promote": "companion.tracking.registry.promotion",
        "read_rules": "companion.tracking.gates.rules",
        "reproduce": "companion.tracking.reproducing.reproduce",
        "rollback": "companion.tracking.registry.promotion",
        "run": "companion.tracking.runs.recording",
        "run_gate": "companion.tracking.gates.gate",
        "trace_lineage": "companion.tracking.lineage.tracing",
        "write_model_card": "companion.tracking.cards.card",
    },
    libraries=("numpy", "pandas"),
    extra="tracking",
)
