"""Tables in CSV and Parquet files: read a row at a time, written a part at a time.

A file is never held as a whole. Reading a CSV file, a value becomes what its column in
the model's contract holds, as in a request; a Parquet file has types of its own.
`companion.serving.batch.scoring` makes the answers.
"""

import base64
import csv
import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from companion.contract.columns import Column
from companion.contract.refusals import Entry, Refusals
from companion.errors import CompanionError, DataError, SettingError
from companion.serving.http.csv import read_cell
from companion.system.extras import require_libraries

__all__ = [
    "InputRow",
    "Part",
    "Table",
    "join_lines",
    "open_table",
    "write_lines",
]

# Rows of a Parquet file that are read, and written as one group.
_READ_ROWS = 1_000
_GROUP_ROWS = 50_000

# A part of the output: the values of each column.
Part = Mapping[str, Sequence[Any]]


class InputRow(NamedTuple):
    """A row of a file.

    Attributes
    ----------
    number : int
        How many rows come before it.
    given : dict
        JSON values by column.
    kept : tuple
        Values that go into the output as they are.
    refusal : dict or None
        Why the line holds no row; then nothing is given.
    """

    number: int
    given: dict[str, Any]
    kept: tuple[Any, ...]
    refusal: Entry | None = None


class Table(Protocol):
    """A file with rows, and how a file of the same kind is written.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        Its columns.
    size : int
        How much there is to read, for a progress bar.
    position : int
        How much of it has been read.
    """

    path: Path
    names: tuple[str, ...]
    size: int
    position: int

    def rows(
        self, columns: Mapping[str, Column], keep: Sequence[str], start: int
    ) -> Iterator[InputRow]:
        """Read some columns, from a row on; DataError if the file is broken."""
        ...

    def write_part(self, file: IO[bytes], part: Part, keep: Sequence[str]) -> None:
        """Write a part of the output."""
        ...

    def join(
        self,
        paths: Sequence[Path],
        file: IO[bytes],
        names: Sequence[str],
        keep: Sequence[str],
    ) -> None:
        """Write the parts of the output, with columns of these names, as one file."""
        ...


def open_table(path: Path, out: Path) -> Table:
    """Open a file of rows, and check that the output is to be of the same kind.

    Raises SettingError if it is not, MissingExtraError for a Parquet file without
    pyarrow, and DataError if the file cannot be read.
    """
    kinds: Mapping[str, type[_CsvTable] | type[_ParquetTable]] = {
        ".csv": _CsvTable,
        ".parquet": _ParquetTable,
        ".pq": _ParquetTable,
    }
    if path.is_dir():
        raise DataError(f"{path} is a folder. Give one file of it at a time.")
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise SettingError(
            f"{path} is neither a CSV nor a Parquet file, as its name has it. Give a "
            "file called *.csv, or *.parquet."
        )
    if kinds.get(out.suffix.lower()) is not kind:
        raise SettingError(
            f"{out} is to hold the predictions for {path.name}, so it must be a file "
            f"of the same kind. Call it *{path.suffix.lower()}."
        )
    with _reading(path):
        table = kind(path)
    doubled = sorted({name for name in table.names if table.names.count(name) > 1})
    if doubled:
        raise DataError(
            f"{path} has several columns of the name {doubled[0]!r}. Rename all but "
            "one."
        )
    return table


class _CsvTable:
    """A CSV file in UTF-8 with a line of names; empty lines do not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        with self._lines() as lines:
            names = next(lines, None)
        if names is None:
            raise DataError(f"{path} is empty; expected a line of names.")
        self.names = tuple(names)

    def rows(
        self, columns: Mapping[str, Column], keep: Sequence[str], start: int
    ) -> Iterator[InputRow]:
        read = [
            (name, number, columns[name])
            for number, name in enumerate(self.names)
            if name in columns
        ]
        kept = [self.names.index(name) for name in keep]
        width = len(self.names)
        with _reading(self.path), self._lines() as lines:
            next(lines)
            for number, line in enumerate(lines):
                if number < start:
                    continue
                if len(line) != width:
                    refusal = _refuse_line(number, len(line), width)
                    yield InputRow(number, {}, (), refusal)
                    continue
                values = {name: read_cell(one, line[i]) for name, i, one in read}
                yield InputRow(number, values, tuple(line[i] for i in kept))
        self.position = self.size

    def write_part(self, file: IO[bytes], part: Part, keep: Sequence[str]) -> None:
        del keep  # they are text, as they were
        write_lines(file, zip(*part.values(), strict=True))

    def join(
        self,
        paths: Sequence[Path],
        file: IO[bytes],
        names: Sequence[str],
        keep: Sequence[str],
    ) -> None:
        del keep
        join_lines(paths, file, names)

    @contextmanager
    def _lines(self) -> Iterator[Iterator[list[str]]]:
        with self.path.open("rb") as binary:
            yield filter(None, csv.reader(self._text(binary), strict=True))

    def _text(self, binary: IO[bytes]) -> Iterator[str]:
        self.position = 0
        encoding = "utf-8-sig"
        for line in binary:
            self.position += len(line)
            yield line.decode(encoding)
            encoding = "utf-8"


class _ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        require_libraries("Scoring a Parquet file", "pyarrow", extra="tracking")
        import pyarrow.parquet as pq

        self.path = path
        self.position = 0
        with pq.ParquetFile(path) as file:
            self._schema = file.schema_arrow
            groups = range(file.num_row_groups)
            self._groups = [file.metadata.row_group(one).num_rows for one in groups]
        self.size = sum(self._groups)
        self.names = tuple(self._schema.names)

    def rows(
        self, columns: Mapping[str, Column], keep: Sequence[str], start: int
    ) -> Iterator[InputRow]:
        import pyarrow.parquet as pq

        number, first = 0, 0
        while first < len(self._groups) and number + self._groups[first] <= start:
            number += self._groups[first]
            first += 1
        with _reading(self.path), pq.ParquetFile(self.path) as file:
            steps = file.iter_batches(
                _READ_ROWS,
                row_groups=list(range(first, len(self._groups))),
                columns=[name for name in self.names if name in {*columns, *keep}],
            )
            for step in steps:
                for row in step.to_pylist():
                    if number >= start:
                        values = {name: _as_given(row[name]) for name in columns}
                        kept = tuple(row[name] for name in keep)
                        self.position = number + 1
                        yield InputRow(number, values, kept)
                    number += 1

    def write_part(self, file: IO[bytes], part: Part, keep: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._output(list(part), keep)
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(part.values(), schema, strict=True)
        ]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file)

    def join(
        self,
        paths: Sequence[Path],
        file: IO[bytes],
        names: Sequence[str],
        keep: Sequence[str],
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._output(names, keep)
        held = [schema.empty_table()]
        with pq.ParquetWriter(file, schema) as writer:
            for path in paths:
                with pq.ParquetFile(path) as part:
                    held.append(part.read())
                if sum(one.num_rows for one in held) >= _GROUP_ROWS:
                    writer.write_table(pa.concat_tables(held))
                    held = []
            if held:
                writer.write_table(pa.concat_tables(held))

    def _output(self, names: Sequence[str], keep: Sequence[str]) -> Any:
        import pyarrow as pa

        types = {"row": pa.int64(), "value": pa.float64(), "score": pa.float64()}
        for name in keep:
            kind = self._schema.field(name).type
            types[name] = kind.value_type if pa.types.is_dictionary(kind) else kind
        return pa.schema([(name, types.get(name, pa.string())) for name in names])


def write_lines(file: IO[bytes], lines: Iterable[Sequence[Any]]) -> None:
    """Write lines of CSV."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    text.detach()


def join_lines(paths: Sequence[Path], file: IO[bytes], names: Sequence[str]) -> None:
    """Write files of lines as one, after a line of names."""
    write_lines(file, [names])
    for path in paths:
        with path.open("rb") as part:
            shutil.copyfileobj(part, file)


def _refuse_line(number: int, found: int, width: int) -> Entry:
    refusals = Refusals()
    refusals.add(
        "wrong_type",
        f"Row {number} does not fit the line of names.",
        row=number,
        given=found,
        expected=f"{width} values",
    )
    return refusals.error().entries[0]


def _as_given(value: Any) -> Any:
    """Turn a value of Arrow's into what a request in JSON would have."""
    if isinstance(value, list):
        return [_as_given(one) for one in value]
    if isinstance(value, dict):
        return {name: _as_given(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn the errors of reading a file into DataError."""
    try:
        yield
    except CompanionError:
        raise
    except FileNotFoundError:
        raise DataError(
            f"There is no file {path}. Give a CSV or Parquet file."
        ) from None
    except (OSError, ValueError, csv.Error) as err:  # Arrow's are such, too
        reason = str(err).strip().partition("\n")[0]
        raise DataError(
            f"{path} cannot be read: {reason}. Give a CSV file in UTF-8 with a line of "
            "names, or a Parquet file."
        ) from err
