"""The fingerprint of a table: a SHA-256 over its schema and every value in it.

MLflow's own digest has 32 bits and looks at numbers and texts of the first 10,000 rows;
a change further down, or of a time, leaves it as it is.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["Fingerprint", "FingerprintColumn", "fingerprint"]

# Changes with the rules, so that digests by two rules are never compared.
_RULES = "companion table 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintColumn:
    """One column of a table.

    Attributes
    ----------
    name, kind : str
        Its name and type.
    sha256 : str
        Digest of type and values, in hexadecimal. The name is not in it: a renamed
        column keeps it.
    """

    name: str
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a table is, in 64 characters, and what they are made of.

    Attributes
    ----------
    sha256 : str
        Digest of the names, types, order and values of all columns, in hexadecimal.
    n_rows : int
        Number of rows.
    columns : tuple of FingerprintColumn
        In the table's order.
    """

    sha256: str
    n_rows: int
    columns: tuple[FingerprintColumn, ...]

    def __str__(self) -> str:
        return self.sha256


def fingerprint(data: "pd.DataFrame | Any | str | Path") -> Fingerprint:
    """Compute the fingerprint of a table's content.

    It changes with any value, with the order of rows or columns, and with a column's
    name, type, time zone or list of categories. It does not change with what only the
    file has: compression, row groups, quotation marks, the number of files
    in a folder. A data frame and the Parquet file that `to_parquet` makes of it have
    one fingerprint; its index counts as a column unless it only numbers the rows.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table, str or pathlib.Path
        The table, or a CSV or Parquet file, or a folder of such files. Their rows
        follow each other in the order of the files' paths, and folders such as
        `year=2026` are a column. Values of CSV files count as the text that is there.

    Returns
    -------
    Fingerprint
        With the digest of each column.

    Raises
    ------
    DataError
        If a file is missing, broken or of another kind, files of a folder do not fit
        together, or a column has values of several types or no name of its own.
    MissingExtraError
        If a library of the extra `tracking` is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> rain = fingerprint(pd.DataFrame({"rain_mm": [0.0, 10.9]}))
    >>> rain.sha256[:12], rain.n_rows, rain.columns[0].kind
    ('12382cf97dfe', 2, 'double')
    """
    require_libraries("`fingerprint`", "numpy", "pandas", "pyarrow", extra="tracking")
    import pyarrow as pa

    from companion.tracking.data.hashing import make_digest
    from companion.tracking.data.tables import open_table

    table = open_table(data)
    names = table.schema.names
    digests = {field.name: make_digest(field.type) for field in table.schema}
    n_rows = dict.fromkeys(names, 0)

    def feed(chosen: list[str]) -> None:
        for batch in table.read(chosen):
            for name in chosen:
                digests[name].feed(batch.column(name))
                n_rows[name] += batch.num_rows

    # SHA-256 lets other threads run meanwhile. Texts take longest: they come first, or
    # the last of them would keep all other threads waiting.
    texts_first = sorted(table.schema, key=lambda one: pa.types.is_primitive(one.type))
    columns = [[field.name] for field in texts_first]
    together = columns if table.is_columnar else [names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(feed, together))
    described = tuple(
        FingerprintColumn(name=name, kind=one.kind, sha256=one.hexdigest())
        for name, one in digests.items()
    )
    rows = max(n_rows.values(), default=0)
    content = [_RULES, rows, [[one.name, one.kind, one.sha256] for one in described]]
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return Fingerprint(
        sha256=hashlib.sha256(text.encode()).hexdigest(), n_rows=rows, columns=described
    )
