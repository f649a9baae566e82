"""Labels from a CSV or Parquet file, a thousand rows at a time."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.errors import DataError
from companion.system.extras import require_libraries

__all__ = ["GivenLabel", "LabelChunk", "read_label_file"]

_CHUNK_ROWS = 1_000
# pandas writes booleans so; in JSON, in the log and in answers they are lower case.
_TRUTHS = {"True": True, "False": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLabel:
    """One label as a file has it, not yet checked, and where it stands there."""

    place: str
    id: object
    label: object


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChunk:
    """Some labels of a file, how many rows had none, and bytes of the file read."""

    labels: Sequence[GivenLabel]
    without: int
    end: int


def read_label_file(
    path: Path, *, id_column: str, label_column: str
) -> Iterator[LabelChunk]:
    """Read ids of predictions and their labels from two columns of a file.

    A row whose label is empty has none yet. Raises DataError if the file cannot be
    read, and MissingExtraError for Parquet without pyarrow.
    """
    read = _read_parquet if path.suffix.lower() in (".parquet", ".pq") else _read_csv
    try:
        yield from read(path, (id_column, label_column))
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8. Save it as CSV in UTF-8.") from None
    except OSError as err:
        raise DataError(
            f"{path} cannot be read: {err.strerror or err}. Give a CSV or Parquet file."
        ) from err


def _read_csv(path: Path, columns: tuple[str, str]) -> Iterator[LabelChunk]:
    with (
        path.open("rb") as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
    ):
        lines = csv.reader(text, strict=True)
        rows: list[GivenLabel] = []
        without = 0
        try:
            names = next(lines, [])
            id_at, label_at = _find(columns, names, path)
            for row in lines:
                if not row:
                    continue
                place = f"line {lines.line_num}"
                if len(row) != len(names):
                    raise DataError(
                        f"{path}, {place}: the number of values is {len(row)}, and "
                        f"the first line has {len(names)} names. Correct that line."
                    )
                label = row[label_at]
                if label == "":
                    without += 1
                else:
                    given = _TRUTHS.get(label, label)
                    rows.append(GivenLabel(place=place, id=row[id_at], label=given))
                if len(rows) + without == _CHUNK_ROWS:
                    yield LabelChunk(labels=rows, without=without, end=raw.tell())
                    rows, without = [], 0
        except csv.Error as err:
            raise DataError(
                f"{path}, line {lines.line_num}: it is not CSV: {err}. Correct that "
                "line."
            ) from err
        yield LabelChunk(labels=rows, without=without, end=raw.tell())


def _read_parquet(path: Path, columns: tuple[str, str]) -> Iterator[LabelChunk]:
    require_libraries("A Parquet file", "pyarrow", extra="tracking")
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = path.stat().st_size
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            _find(columns, file.schema_arrow.names, path)
            total = file.metadata.num_rows
            for batch in file.iter_batches(_CHUNK_ROWS, columns=list(columns)):
                pairs = zip(*(batch[name].to_pylist() for name in columns), strict=True)
                rows = [
                    GivenLabel(place=f"row {number}", id=id_, label=label)
                    for number, (id_, label) in enumerate(pairs, start=done + 1)
                    if not _is_missing(label)
                ]
                done += batch.num_rows
                yield LabelChunk(
                    labels=rows,
                    without=batch.num_rows - len(rows),
                    end=size * done // total,
                )
    except pa.ArrowInvalid as err:
        raise DataError(f"{path} is not a Parquet file: {err}.") from err


def _is_missing(label: object) -> bool:
    # pandas writes a missing number as NaN, the only value that is not itself.
    return label is None or label != label  # noqa: PLR0124


def _find(
    columns: tuple[str, str], names: Sequence[str], path: Path
) -> tuple[int, int]:
    for column in columns:
        if column not in names:
            raise DataError(
                f"{path} has no column {column!r}, but {', '.join(names) or 'none'}. "
                "Name the columns with --id-column and --label-column."
            )
    return names.index(columns[0]), names.index(columns[1])
