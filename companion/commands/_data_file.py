"""A table from a CSV or Parquet file."""

from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_data_file"]


def read_data_file(path: Path) -> "pd.DataFrame":
    """Read a file; a CSV file's columns are all texts, and nothing is missing.

    Raises DataError if it cannot be read.
    """
    import pandas as pd

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        # As text: the model's signature says what is a number, and "NA" may be Namibia.
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except ImportError as err:
        raise DataError(f"{path} cannot be read: {err}. Give it as CSV.") from err
    except FileNotFoundError:
        raise DataError(
            f"There is no file {path}. Give a CSV or Parquet file."
        ) from None
    except (OSError, ValueError) as err:
        reason = str(err).strip().partition("\n")[0].rstrip(".")
        what = "cannot be read" if getattr(err, "strerror", None) else "holds no table"
        raise DataError(
            f"{path} {what}. Give a CSV file with a line of names, or a Parquet file "
            f"called *.parquet. The reason: {reason}."
        ) from err
