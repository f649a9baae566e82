"""Versions of data: fingerprints of content, a store, comparisons, and use by runs.

`fingerprint` names what is in a table. A `DataStore` keeps versions, `compare_tables`
says what differs between two, and `log_dataset` records in MLflow which one a run used.
These need the extra `tracking`, and are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from companion.system.lazy import load_lazily

if TYPE_CHECKING:
    from companion.tracking.data.comparing import (
        ColumnDiff,
        DataDiff,
        Example,
        compare_tables,
    )
    from companion.tracking.data.fingerprints import (
        Fingerprint,
        FingerprintColumn,
        fingerprint,
    )
    from companion.tracking.data.reports import draw_diff, format_diff
    from companion.tracking.data.stores import DataStore
    from companion.tracking.data.usage import DatasetUse, find_uses, log_dataset
    from companion.tracking.data.values import Summary
    from companion.tracking.data.versions import DataVersion, StoredFile

__all__ = [
    "ColumnDiff",
    "DataDiff",
    "DataStore",
    "DataVersion",
    "DatasetUse",
    "Example",
    "Fingerprint",
    "FingerprintColumn",
    "StoredFile",
    "Summary",
    "compare_tables",
    "draw_diff",
    "find_uses",
    "fingerprint",
    "format_diff",
    "log_dataset",
]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "ColumnDiff": "companion.tracking.data.comparing",
        "DataDiff": "companion.tracking.data.comparing",
        "DataStore": "companion.tracking.data.stores",
        "DataVersion": "companion.tracking.data.versions",
        "DatasetUse": "companion.tracking.data.usage",
        "Example": "companion.tracking.data.comparing",
        "Fingerprint": "companion.tracking.data.fingerprints",
        "FingerprintColumn": "companion.tracking.data.fingerprints",
        "StoredFile": "companion.tracking.data.versions",
        "Summary": "companion.tracking.data.values",
        "compare_tables": "companion.tracking.data.comparing",
        "draw_diff": "companion.tracking.data.reports",
        "find_uses": "companion.tracking.data.usage",
        "fingerprint": "companion.tracking.data.fingerprints",
        "format_diff": "companion.tracking.data.reports",
        "log_dataset": "companion.tracking.data.usage",
    },
    libraries=("fsspec", "numpy", "pandas", "pyarrow"),
    extra="tracking",
)
