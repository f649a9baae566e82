"""A store of dataset versions: each file once, under the SHA-256 of its bytes.

::

    objects/62/62f0….csv              files; versions that have one in common share it
    versions/seattle-weather/12ab….json  one description for each version

A description is written last, so a version is there whole or not at all, and no file
of data is ever written over another.
"""

import hashlib
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import DataError, DataStoreError, SettingError
from companion.settings import resolve_setting
from companion.system.extras import require_libraries
from companion.tracking.data.fingerprints import fingerprint
from companion.tracking.data.versions import DataVersion, StoredFile

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataStore"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHORTEST = 4


class DataStore:
    """A store of dataset versions.

    Parameters
    ----------
    address : str or pathlib.Path, optional
        A folder, or an address that fsspec knows, such as `s3://bucket/folder`; by
        default `COMPANION_DATA_STORE`, and without that the folder `companion-data`. It
        is made when the first version is added.

    Raises
    ------
    DataStoreError
        Here and in each method: if the store cannot be reached, read or written.
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    """

    def __init__(self, address: str | Path | None = None) -> None:
        require_libraries(
            "A store of data", "fsspec", "numpy", "pandas", "pyarrow", extra="tracking"
        )
        from companion.tracking.data.places import Place

        self._place = Place(str(resolve_setting("data-store", address)))

    @property
    def address(self) -> str:
        """Where the store is."""
        return self._place.address

    def add(
        self, data: "pd.DataFrame | Any | str | Path", *, name: str, note: str = ""
    ) -> tuple[DataVersion, bool]:
        """Keep a copy of data as a version of a dataset.

        Parameters
        ----------
        data : pandas.DataFrame, pyarrow.Table, str or pathlib.Path
            What `fingerprint` takes. A data frame is kept as a Parquet file.
        name : str
            What the dataset is called: letters, digits, dot, hyphen, underscore.
        note : str, default=""
            What others should know of this version.

        Returns
        -------
        tuple of DataVersion and bool
            The version, and whether it is new. The same content under the same name
            is one version, whatever file it comes in; that which is there stays.

        Raises
        ------
        DataError
            If the data cannot be read, or change meanwhile.
        SettingError
            If the name has other characters.
        """
        _check_name(name)
        with ExitStack() as stack:
            if isinstance(data, str | Path):
                path, source = Path(data), str(data)
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                path, source = _write_parquet(data, Path(folder)), "data frame"
            before = _list_states(path)
            found = fingerprint(path)
            if kept := self._read(name, found.sha256):
                return kept, False
            files = []
            for file in before:
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                inside = (
                    file.relative_to(path).as_posix() if path.is_dir() else file.name
                )
                one = StoredFile(path=inside, size=file.stat().st_size, sha256=digest)
                self._place.upload(file, _object(one))
                files.append(one)
            if _list_states(path) != before:
                raise DataError(
                    f"{path} was changed while it was added. Add it again when nothing "
                    "writes to it."
                )
        version = DataVersion(
            name=name,
            fingerprint=found,
            files=tuple(files),
            is_folder=path.is_dir(),
            added=datetime.now(UTC),
            source=source,
            note=note,
            store=self.address,
        )
        self._place.write(_description(name, found.sha256), version.to_json().encode())
        return version, True

    def find(self, address: str) -> DataVersion:
        """Find a version.

        Parameters
        ----------
        address : str
            `NAME@START` with at least four characters of the fingerprint, or `NAME`
            for the version that was added last.

        Returns
        -------
        DataVersion

        Raises
        ------
        DataStoreError
            If there is none, or more than one begins so.
        """
        name, at, start = address.partition("@")
        versions = self.versions(name) if _NAME.fullmatch(name) else []
        if not versions:
            known = ", ".join(self.names()) or "none"
            raise DataStoreError(
                f"the store of data {self.address} has no dataset {name!r}; it has: "
                f"{known}. `companion data add FILE --name NAME` adds one."
            )
        if not at:
            return versions[-1]
        if len(start) < _SHORTEST:
            raise DataStoreError(
                f"{address!r} has too few characters after the @: give at least "
                f"{_SHORTEST} of the fingerprint, as `companion data list` shows them."
            )
        fitting = [one for one in versions if one.fingerprint.sha256.startswith(start)]
        if len(fitting) != 1:
            count = "no version" if not fitting else f"{len(fitting)} versions"
            shown = ", ".join(one.address for one in fitting or versions[-5:])
            raise DataStoreError(f"{address} fits {count}. There are: {shown}.")
        return fitting[0]

    def names(self) -> list[str]:
        """List the names of the datasets."""
        found = self._place.list_names("versions")
        return [name for name in found if _NAME.fullmatch(name)]  # no .DS_Store

    def versions(self, name: str | None = None) -> list[DataVersion]:
        """List the versions of one dataset or of all, in the order they were added."""
        found = []
        for one in self.names() if name is None else [name]:
            for file in self._place.list_names(f"versions/{one}"):
                if file.startswith("."):
                    continue  # of a program that was killed
                version = self._read(one, file.removesuffix(".json"))
                if version:
                    found.append(version)
        return sorted(found, key=lambda one: (one.name, one.added))

    def get(self, version: DataVersion, to: str | Path) -> Path:
        """Write a version's file or folder as it was added.

        Parameters
        ----------
        version : DataVersion
            Of this store.
        to : str or pathlib.Path
            The path of the file or folder, which must not exist. It appears whole or
            not at all.

        Returns
        -------
        pathlib.Path
            The same path.

        Raises
        ------
        DataStoreError
            If the path exists or cannot be written, or the store's copy is damaged.
        """
        target = Path(to)
        if target.exists() or target.is_symlink():
            raise DataStoreError(
                f"{target} exists, and data are never written over others. Choose "
                "another path, or remove that one first."
            )
        try:
            target.absolute().parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=f".{target.name}-", dir=target.absolute().parent
            ) as folder:
                place = self._download(version, Path(folder))
                place.rename(target)
        except OSError as err:
            if isinstance(err, DataStoreError):
                raise
            raise DataStoreError(
                f"{target} cannot be written: {err.strerror or err}. Choose "
                "another path."
            ) from err
        return target

    @contextmanager
    def reading(self, version: DataVersion) -> Iterator[Path]:
        """Give a path to read a version from; it may be gone afterwards."""
        only = version.files[0]
        stored = None if version.is_folder else self._place.local_path(_object(only))
        if stored is not None:
            yield stored
            return
        with tempfile.TemporaryDirectory() as folder:
            yield self._download(version, Path(folder))

    def location(self, version: DataVersion) -> str:
        """Return the address of a version's file, or of a folder's description."""
        if version.is_folder:
            name = _description(version.name, version.fingerprint.sha256)
        else:
            name = _object(version.files[0])
        return self._place.location(name)

    def verify(self, version: DataVersion) -> None:
        """Check that the store still holds what was added, to the last byte.

        Raises DataStoreError if a file is missing or changed, or if the content is not
        that of the fingerprint.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = self._download(version, Path(folder))
            found = fingerprint(path)
        if found != version.fingerprint:
            raise DataStoreError(
                f"{version.address} in {self.address} is damaged: its files have the "
                f"fingerprint {found.sha256[:12]}. Take its description from a backup."
            )

    def _read(self, name: str, sha256: str) -> DataVersion | None:
        content = self._place.read(_description(name, sha256))
        if content is None:
            return None
        return DataVersion.from_json(content, store=self.address)

    def _download(self, version: DataVersion, folder: Path) -> Path:
        whole = folder / "whole"
        for file in version.files:
            # One file keeps its ending, which says how to read it.
            target = whole / file.path if version.is_folder else folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            self._place.download(_object(file), target)
            with target.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != file.sha256:
                raise DataStoreError(
                    f"{version.address} in {self.address} is damaged: {file.path} was "
                    f"added with the SHA-256 {file.sha256} and now has {digest}. Take "
                    "the file from a backup of the store."
                )
        return whole if version.is_folder else folder / version.files[0].path


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"a dataset cannot be called {name!r}: expected are letters, digits, dot, "
            "hyphen and underscore, with a letter or a digit first."
        )


def _description(name: str, sha256: str) -> str:
    return f"versions/{name}/{sha256}.json"


def _object(file: StoredFile) -> str:
    ending = "".join(Path(file.path).suffixes[-2:])
    return f"objects/{file.sha256[:2]}/{file.sha256}{ending.lower()}"


def _list_states(path: Path) -> dict[Path, tuple[int, int]]:
    """Map each file to its size and time, which a change would change."""
    from companion.tracking.data.tables import list_files

    files = list_files(path) if path.is_dir() else [path] if path.exists() else []
    states = ((file, file.stat()) for file in files)
    return {file: (state.st_size, state.st_mtime_ns) for file, state in states}


def _write_parquet(data: Any, folder: Path) -> Path:
    import pyarrow.parquet as pq

    fingerprint(data)  # says what is wrong with a frame that cannot be written
    path = folder / "data.parquet"
    if hasattr(data, "to_parquet"):
        with warnings.catch_warnings():
            # pyarrow reads times in a way that pandas deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            data.to_parquet(path, compression="zstd")
    else:
        pq.write_table(data, path, compression="zstd")
    return path
