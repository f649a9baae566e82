"""`companion data`: versions of datasets, kept, compared and traced to runs."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from companion.commands._options import json_option, setting_option
from companion.commands._table import format_table
from companion.errors import DataStoreError, TrackingError
from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from companion.tracking.data import DatasetUse, DataStore, DataVersion

    _Uses = dict[str, tuple[DatasetUse, ...]]  # by the version's address

__all__ = ["command"]

_store_option = setting_option("data-store", metavar="ADDRESS")


@click.group(
    "data",
    epilog="Example: companion data add data/seattle_weather.csv --name weather",
    short_help="Keep, list, compare and verify versions of datasets.",
)
def command() -> None:
    """Keep, list, compare and verify versions of datasets.

    A version is named by its content: NAME@START, with the start of the SHA-256 over
    every value and the schema. NAME alone is the version that was added last. CSV and
    Parquet files, and folders of either, are data. Row order counts.
    """
    require_libraries(
        "`companion data`", "fsspec", "numpy", "pandas", "pyarrow", extra="tracking"
    )


@command.command(
    "add",
    epilog="Example: companion data add weather.csv --name weather --note 2012-15",
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", required=True, help="What the dataset is called.")
@click.option("--note", default="", help="What others should know of this version.")
@_store_option
def _add(*, path: Path, name: str, note: str, data_store: str) -> None:
    """Keep a copy of the file or folder PATH as a version.

    The same content under the same name is one version, in whatever file it comes.
    """
    version, is_new = _open(data_store).add(path, name=name, note=note)
    state = "is new" if is_new else "is there already"
    click.echo(f"{version.address} {state}: {_describe_size(version)}.")


@command.command("list", epilog="Example: companion data list weather")
@click.argument("name", required=False)
@_store_option
@json_option("Print the versions as JSON.")
def _list(*, name: str | None, data_store: str, as_json: bool) -> None:
    """List the versions of the dataset NAME, or of all.

    With MLFLOW_TRACKING_URI set, also the runs that used each, and the registered
    models that these made, with the aliases that point to them. If MLflow cannot be
    asked, a note says why, and JSON has null for what used a version.
    """
    versions = _open(data_store).versions(name)
    uses = _find_uses(versions)
    if as_json:
        click.echo(json.dumps([_to_json(one, uses) for one in versions], indent=2))
        return
    if not versions:
        click.echo(f"No version of {name or 'any dataset'} is in {data_store}.")
        return
    header = ["VERSION", "ADDED", "ROWS", "COLUMNS", "BYTES", "RUNS", "MODELS", "NOTE"]
    if uses is None or not os.environ.get("MLFLOW_TRACKING_URI"):
        del header[5:7]
        rows = [_cells(one) for one in versions]
    else:
        rows = [_cells(one, uses[one.address]) for one in versions]
    right = ("ROWS", "COLUMNS", "BYTES", "RUNS")
    click.echo(format_table(header, rows, right=right))


@command.command(
    "show",
    epilog="Example: companion data show weather@604e",
    short_help="Show a version: columns, files, and what used it.",
)
@click.argument("version")
@_store_option
@json_option("Print the version as JSON.")
def _show(*, version: str, data_store: str, as_json: bool) -> None:
    """Show VERSION: fingerprint, columns, files and, as `list` does, its use."""
    found = _open(data_store).find(version)
    uses = _find_uses([found])
    if as_json:
        click.echo(json.dumps(_to_json(found, uses), indent=2))
        return
    click.echo(f"{found.address}: {_describe_size(found)}")
    click.echo(f"fingerprint  {found.fingerprint.sha256}")
    click.echo(f"added        {found.added:%Y-%m-%d %H:%M:%S} UTC from {found.source}")
    if found.note:
        click.echo(f"note         {found.note}")
    columns = [
        (one.name, one.kind, one.sha256[:12]) for one in found.fingerprint.columns
    ]
    click.echo("\n" + format_table(("COLUMN", "TYPE", "DIGEST"), columns, n_elastic=0))
    files = [(one.path, f"{one.size:,}", one.sha256) for one in found.files]
    click.echo(
        "\n"
        + format_table(
            ("FILE", "BYTES", "SHA-256"), files, right=("BYTES",), n_elastic=0
        )
    )
    if uses and uses[found.address]:
        used = [
            (one.run_id, one.run_name, one.context, ", ".join(_name_models(one)))
            for one in uses[found.address]
        ]
        header = ("RUN", "RUN NAME", "CONTEXT", "MODELS")
        click.echo("\n" + format_table(header, used, wrap=True))


@command.command(
    "diff",
    epilog="Example: companion data diff weather@604e weather --svg diff.svg",
    short_help="Say what differs between two versions or files.",
)
@click.argument("old")
@click.argument("new")
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="Column that names a row; give it again for another.  [default: the first "
    "that does]",
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the changes into this file.",
)
@_store_option
@json_option("Print the comparison as JSON.")
def _diff(
    *,
    old: str,
    new: str,
    key: tuple[str, ...],
    svg: Path | None,
    data_store: str,
    as_json: bool,
) -> None:
    """Compare OLD with NEW, each a version, or a file or folder that exists.

    Says which rows and columns one has and the other has not, and of each column how
    many values changed, how, where, and with which examples; how its range, its
    categories and its share of missing values changed. Both are read into memory.
    """
    from companion.tracking.data import compare_tables, draw_diff, format_diff

    with ExitStack() as stack:
        paths = [stack.enter_context(_reading(one, data_store)) for one in (old, new)]
        diff = compare_tables(paths[0], paths[1], key=key or None)
    if svg:
        try:
            svg.write_text(draw_diff(diff), encoding="utf-8")
        except OSError as err:
            raise DataStoreError(
                f"{svg} cannot be written: {err.strerror}. Choose another file."
            ) from err
    click.echo(json.dumps(asdict(diff), indent=2) if as_json else format_diff(diff))


@command.command(
    "verify",
    epilog="Example: companion data verify weather@604e",
    short_help="Check that the store holds what was added.",
)
@click.argument("version", required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Check that this file or folder holds VERSION.",
)
@_store_option
def _verify(*, version: str | None, file: Path | None, data_store: str) -> None:
    """Check that the store still holds VERSION, or all, to the last byte.

    The exit code is 1 if something is missing or changed.
    """
    from companion.tracking.data import fingerprint

    store = _open(data_store)
    if file is not None:
        if version is None:
            raise click.UsageError("--file needs the VERSION that it should hold.")
        expected, found = store.find(version), fingerprint(file)
        if found.sha256 != expected.fingerprint.sha256:
            raise DataStoreError(
                f"{file} is not {expected.address}: its fingerprint is "
                f"{found.sha256[:12]}. `companion data diff {expected.address} {file}` "
                "says what differs."
            )
        click.echo(f"{file} holds {expected.address}.")
        return
    chosen = [store.find(version)] if version else store.versions()
    damaged = []
    for one in chosen:
        try:
            store.verify(one)
        except DataStoreError as err:
            damaged.append(one)
            click.echo(f"{one.address}: {err}", err=True)
        else:
            click.echo(f"{one.address}: unchanged")
    if damaged:
        raise DataStoreError(f"{len(damaged)} of {len(chosen)} versions are damaged.")
    if not chosen:
        click.echo(f"No version is in {store.address}.")


@command.command(
    "get",
    epilog="Example: companion data get weather@604e --to old.csv",
    short_help="Write a version as it was added.",
)
@click.argument("version")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File or folder to write; must not exist.  [default: the name it was added "
    "with, here]",
)
@_store_option
def _get(*, version: str, to: Path | None, data_store: str) -> None:
    """Write VERSION as a file or folder, byte for byte as it was added."""
    store = _open(data_store)
    found = store.find(version)
    default = found.name if found.is_folder else found.files[0].path
    target = store.get(found, to or Path(default))
    click.echo(f"{found.address} is in {target}.")


def _open(address: str) -> "DataStore":
    from companion.tracking.data import DataStore

    return DataStore(address)


@contextmanager
def _reading(text: str, address: str) -> Iterator[Path]:
    path = Path(text)
    if path.exists():
        yield path
        return
    store = _open(address)
    with store.reading(store.find(text)) as stored:
        yield stored


def _find_uses(versions: "Sequence[DataVersion]") -> "_Uses | None":
    """Find what used each version; None, and a note, if MLflow cannot be asked."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        # MLflow would make a database here to find nothing in it.
        return {one.address: () for one in versions}
    from companion.tracking.data import find_uses

    try:
        return {one.address: find_uses(one) for one in versions}
    except TrackingError as err:
        click.echo(
            f"The runs and models that used the data cannot be named: {err}",
            err=True,  # standard output may be JSON
        )
        return None


def _describe_size(version: "DataVersion") -> str:
    columns = len(version.fingerprint.columns)
    rows = version.fingerprint.n_rows
    return (
        f"{rows:,} {'row' if rows == 1 else 'rows'} of {columns:,} "
        f"{'column' if columns == 1 else 'columns'}, {version.size:,} bytes"
    )


def _name_models(use: "DatasetUse") -> list[str]:
    return [
        f"{model} ({', '.join(use.aliases[model])})" if model in use.aliases else model
        for model in use.models
    ]


def _cells(
    version: "DataVersion", uses: "tuple[DatasetUse, ...] | None" = None
) -> list[str]:
    used = [] if uses is None else [f"{len(uses):,}", _list_models(uses)]
    return [
        version.address,
        f"{version.added:%Y-%m-%d %H:%M}",
        f"{version.fingerprint.n_rows:,}",
        f"{len(version.fingerprint.columns):,}",
        f"{version.size:,}",
        *used,
        version.note,
    ]


def _list_models(uses: "tuple[DatasetUse, ...]") -> str:
    return ", ".join(sorted({model for use in uses for model in _name_models(use)}))


def _to_json(version: "DataVersion", uses: "_Uses | None") -> dict[str, object]:
    kept: dict[str, object] = json.loads(version.to_json())
    return {
        "version": version.address,
        **kept,
        # Unknown is not nothing.
        "used_by": uses and [asdict(one) for one in uses[version.address]],
    }
