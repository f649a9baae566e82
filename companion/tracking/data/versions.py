"""One version of a dataset, as a store keeps it: name, fingerprint and files."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from companion.errors import DataStoreError
from companion.tracking.data.fingerprints import Fingerprint, FingerprintColumn

__all__ = ["DataVersion", "StoredFile"]

_FORMAT = 1
# So many characters of a fingerprint tell the versions of one dataset apart.
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of a version.

    Attributes
    ----------
    path : str
        Its name, or its path inside the folder, with `/`.
    size : int
        In bytes.
    sha256 : str
        Of its bytes, in hexadecimal.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """A version of a dataset in a store.

    Attributes
    ----------
    name : str
        What the dataset is called.
    fingerprint : Fingerprint
        Of its content.
    files : tuple of StoredFile
        What was added; one file, or those of a folder.
    is_folder : bool
        Whether it was a folder.
    added : datetime
        When, in UTC.
    source : str
        What was added: a path as it was given, or "data frame".
    note : str
        What a person wrote about it; may be empty.
    store : str
        Address of the store that it is in.
    """

    name: str
    fingerprint: Fingerprint
    files: tuple[StoredFile, ...]
    is_folder: bool
    added: datetime
    source: str
    note: str
    store: str

    @property
    def address(self) -> str:
        """Name and the start of the fingerprint, as commands take it."""
        return f"{self.name}@{self.fingerprint.sha256[:_SHORT]}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def to_json(self) -> str:
        """Return what the store keeps of the version."""
        kept: dict[str, Any] = {"format": _FORMAT, **asdict(self)}
        del kept["store"]  # a store can be moved
        kept["added"] = self.added.isoformat()
        return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, store: str) -> "DataVersion":
        """Read what `to_json` wrote.

        Raises DataStoreError if it is damaged or of a newer version of this package.
        """
        try:
            kept = json.loads(text)
            if kept["format"] != _FORMAT:
                raise DataStoreError(
                    f"the store of data {store} holds a version in format "
                    f"{kept['format']}; this companion reads {_FORMAT}. Upgrade it."
                )
            found = kept["fingerprint"]
            return cls(
                name=kept["name"],
                fingerprint=Fingerprint(
                    sha256=found["sha256"],
                    n_rows=found["n_rows"],
                    columns=tuple(FingerprintColumn(**one) for one in found["columns"]),
                ),
                files=tuple(_read_file(one) for one in kept["files"]),
                is_folder=kept["is_folder"],
                added=datetime.fromisoformat(kept["added"]),
                source=kept["source"],
                note=kept["note"],
                store=store,
            )
        except (ValueError, KeyError, TypeError) as err:
            raise DataStoreError(
                f"the store of data {store} holds a damaged description of a version: "
                f"{type(err).__name__}: {err}. Take it from a backup of the store."
            ) from err


def _read_file(kept: dict[str, Any]) -> StoredFile:
    file = StoredFile(**kept)
    # Otherwise anybody who can write to the store could have a file written anywhere.
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path:
        raise ValueError(f"{file.path} lies outside the version")
    return file
