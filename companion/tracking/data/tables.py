"""Reads tables: data frames, CSV and Parquet files, and folders of either.

The values of a CSV file are read as the text that stands there. A type would be a
guess, and a guess loses what is different: 01067 and 1067 would be one number.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from companion.errors import DataError
from companion.tracking.data.hashing import make_digest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OpenTable", "list_files", "open_table", "read_table"]

_BATCH_ROWS = 1 << 17
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_EXPECTED = (
    "Give a CSV file (.csv, .tsv, either with .gz), a Parquet file (.parquet, .pq), a "
    "folder of files of one of the two, or a data frame."
)

Read = Callable[[Sequence[str]], Iterator[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTable:
    """A table whose columns can be read.

    Attributes
    ----------
    schema : pyarrow.Schema
        Names and types.
    read : callable
        Takes names of columns and yields their rows, in order, as record batches.
    is_columnar : bool
        Whether one column is read without reading the others.
    is_text : bool
        Whether the values are text because the file has no types.
    """

    schema: Any
    read: Read
    is_columnar: bool
    is_text: bool = False


def open_table(data: "pd.DataFrame | Any | str | Path") -> OpenTable:
    """Open a data frame, an Arrow table, a file or a folder of files.

    Raises DataError if there is no such file, it is of another kind or broken, or
    names of columns are repeated.
    """
    if isinstance(data, str | Path):
        table = _open_path(Path(data))
    else:
        table = _open_frame(data)
    names = table.schema.names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"{_name(data)} has several columns called {repeated[0]!r}; give each its "
            "own name."
        )
    return table


def read_table(data: "pd.DataFrame | Any | str | Path") -> tuple[Any, bool]:
    """Read everything into memory, as an Arrow table; and say whether it is text."""
    table = open_table(data)
    batches = table.read(table.schema.names)
    return pa.Table.from_batches(batches, table.schema), table.is_text


def list_files(folder: Path) -> list[Path]:
    """List the files of a folder that count, in the order of their paths.

    Those that begin with a dot or an underscore do not, nor does what lies in such
    folders: Spark and others leave them.
    """
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part[0] in "._" for part in path.relative_to(folder).parts)
    )
    return sorted(files, key=lambda path: path.relative_to(folder).parts)


def _open_frame(data: Any) -> OpenTable:
    if not isinstance(data, pa.Table):
        import pandas as pd

        if not isinstance(data, pd.DataFrame):
            raise DataError(f"{_name(data)} is no table. {_EXPECTED}")
        repeated = [str(name) for name in data.columns[data.columns.duplicated()]]
        if repeated:
            raise DataError(
                f"{_name(data)} has several columns called {repeated[0]!r}; give each "
                "its own name."
            )
        try:
            with warnings.catch_warnings():
                # pyarrow reads times in a way that pandas deprecates.
                warnings.simplefilter("ignore", DeprecationWarning)
                data = pa.Table.from_pandas(data)
        except (pa.ArrowException, ValueError, TypeError) as err:
            # Arrow says what it could not convert, and last in which column.
            told = "; ".join(str(part) for part in err.args)
            raise DataError(
                f"the data frame has values of several types in one column: {told}. "
                "Make them one type, for example with astype(str)."
            ) from err
    table = data.replace_schema_metadata(None)
    return OpenTable(
        schema=table.schema,
        read=lambda names: iter(
            table.select(list(names)).to_batches(max_chunksize=_BATCH_ROWS)
        ),
        is_columnar=True,
    )


def _open_path(path: Path) -> OpenTable:
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise DataError(f"there is no file {path}. Check the path.")
    if path.name.lower().endswith(_PARQUET):
        return _open_parquet(path)
    if path.name.lower().endswith(_CSV):
        return _open_csv(path)
    raise DataError(f"{path} is of no kind that can be read. {_EXPECTED}")


def _open_parquet(path: Path) -> OpenTable:
    def read(names: Sequence[str]) -> Iterator[Any]:
        with _explaining(path):
            file = pq.ParquetFile(path, memory_map=True, metadata=metadata)
            with file:
                yield from file.iter_batches(
                    _BATCH_ROWS, columns=list(names), use_threads=False
                )

    with _explaining(path), pq.ParquetFile(path) as file:
        metadata = file.metadata
        schema = file.schema_arrow.remove_metadata()
    # Fields keep notes of their own, such as the number of a column.
    schema = pa.schema([field.remove_metadata() for field in schema])
    return OpenTable(schema=schema, read=read, is_columnar=True)


def _open_csv(path: Path) -> OpenTable:
    delimiter = "\t" if ".tsv" in path.name.lower() else ","

    def start(columns: dict[str, Any]) -> Any:
        return csv.open_csv(
            path,
            parse_options=csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(
                column_types=columns, strings_can_be_null=False
            ),
        )

    def read(names: Sequence[str]) -> Iterator[Any]:
        with _explaining(path), start(dict.fromkeys(found, pa.string())) as reader:
            for batch in reader:
                yield batch.select(list(names))

    with _explaining(path), start({}) as reader:
        found = reader.schema.names
    return OpenTable(
        schema=pa.schema([(name, pa.string()) for name in found]),
        read=read,
        is_columnar=False,
        is_text=True,
    )


def _open_folder(folder: Path) -> OpenTable:
    files = list_files(folder)
    if not files:
        raise DataError(f"the folder {folder} holds no file. {_EXPECTED}")
    parts = [_add_values_of_folders(_open_path(file), file, folder) for file in files]
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        for one, other in ((first, part), (part, first)):
            for field in one.schema:
                _compare_field(field, other.schema, file=file, first=files[0])

    def read(names: Sequence[str]) -> Iterator[Any]:
        for part in parts:
            yield from part.read(names)

    return OpenTable(
        schema=first.schema,
        read=read,
        is_columnar=first.is_columnar,
        is_text=first.is_text,
    )


def _add_values_of_folders(table: OpenTable, file: Path, folder: Path) -> OpenTable:
    """Add the columns that folders name, as Hive does: `date=2026-11-25/part-0.csv`."""
    named = [
        part.split("=", 1)
        for part in file.relative_to(folder).parts[:-1]
        if "=" in part
    ]
    if not named:
        return table
    values = {name: unquote(value) for name, value in named}
    own = set(table.schema.names)
    if both := sorted(own & values.keys()):
        raise DataError(
            f"{file} has a column {both[0]!r}, and so has its folder's name."
        )

    def read(names: Sequence[str]) -> Iterator[Any]:
        # Without a column of the file nobody would know how many rows there are.
        inside = [name for name in names if name in own] or table.schema.names[:1]
        for batch in table.read(inside):
            columns = [
                batch.column(name)
                if name in own
                else pa.repeat(values[name], batch.num_rows)
                for name in names
            ]
            yield pa.RecordBatch.from_arrays(columns, list(names))

    schema = table.schema
    for name in values:
        schema = schema.append(pa.field(name, pa.string()))
    return OpenTable(
        schema=schema,
        read=read,
        is_columnar=table.is_columnar,
        is_text=table.is_text,
    )


def _compare_field(field: Any, other: Any, *, file: Path, first: Path) -> None:
    place = other.get_field_index(field.name)
    if place < 0:
        raise DataError(
            f"{file} and {first} have different columns: only one has {field.name!r}. "
            "All files of a folder are one table."
        )
    kinds = {make_digest(field.type).kind, make_digest(other.field(place).type).kind}
    if len(kinds) > 1:
        raise DataError(
            f"{file} and {first} have different types in the column {field.name!r}: "
            f"{' and '.join(sorted(kinds))}. All files of a folder are one table."
        )


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as err:
        reason = str(err).strip().partition("\n")[0].rstrip(".")
        raise DataError(f"{path} cannot be read: {reason}. {_EXPECTED}") from err


def _name(data: object) -> str:
    if isinstance(data, str | Path):
        return str(data)
    kind = type(data).__name__
    return "the data frame" if kind in ("DataFrame", "Table") else f"a {kind}"
