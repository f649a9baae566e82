"""A folder of a store of data: on this machine, or at any address that fsspec knows."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from companion.errors import CompanionError, DataStoreError

__all__ = ["Place"]


class Place:
    """A folder whose files appear whole or not at all.

    Parameters
    ----------
    address : str
        A path, or an address such as `s3://bucket/folder`.

    Raises
    ------
    DataStoreError
        Here and in each method: if the place cannot be reached, read or written.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        with self._explaining("opened"):
            fs, root = fsspec.core.url_to_fs(os.path.expanduser(address))  # noqa: PTH111 - may be a URL
        self._fs: Any = fs
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self._explaining("read"):
            try:
                content: bytes = self._fs.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, over one that is there."""
        with self._explaining("written"), self._becoming(name) as path:
            self._fs.pipe_file(path, content)

    def upload(self, file: Path, name: str) -> None:
        """Copy a file of this machine into the place, unless it is there."""
        with self._explaining("written"):
            if not self._fs.exists(self._path(name)):
                with self._becoming(name) as path:
                    self._fs.put_file(str(file), path)

    def download(self, name: str, file: Path) -> None:
        """Copy a file of the place to this machine."""
        with self._explaining("read"):
            self._fs.get_file(self._path(name), str(file))

    def local_path(self, name: str) -> Path | None:
        """Return where a file lies; None if that is not on this machine."""
        is_local = isinstance(self._fs, LocalFileSystem)
        return Path(self._path(name)) if is_local else None

    def location(self, name: str) -> str:
        """Return the full address of a file, as other programs take it."""
        path = self._path(name)
        local = self.local_path(name)
        return str(local) if local else str(self._fs.unstrip_protocol(path))

    def list_names(self, folder: str) -> list[str]:
        """List the names in a folder of the place, sorted; one missing is empty."""
        with self._explaining("read"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
            return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _becoming(self, name: str) -> Iterator[str]:
        """Give the path to write to; on this machine it is renamed in the end.

        An object store shows an object when it is whole.
        """
        final = self._path(name)
        self._fs.makedirs(final.rpartition("/")[0], exist_ok=True)
        if not isinstance(self._fs, LocalFileSystem):
            yield final
            return
        # Begins with a dot: nobody takes what a killed program left for a file.
        folder, _, last = final.rpartition("/")
        beside = Path(folder, f".{last}.{uuid.uuid4().hex}")
        try:
            yield str(beside)
            beside.replace(final)
        finally:
            beside.unlink(missing_ok=True)

    @contextmanager
    def _explaining(self, what: str) -> Iterator[None]:
        try:
            yield
        except CompanionError:
            raise
        except Exception as err:
            # Each kind of place has errors of its own, of its own libraries.
            reason = (
                str(err).strip().partition("\n")[0].rstrip(".") or type(err).__name__
            )
            raise DataStoreError(
                f"the store of data {self.address} cannot be {what}: {reason}. Give a "
                "folder, or an address that fsspec knows, such as s3://bucket/folder, "
                "with --data-store or COMPANION_DATA_STORE."
            ) from err
