"""Digests of columns: of what is in them, not of how a file stores it.

A column is fed in pieces of any length, as a file's row groups give them. Lengths,
bytes and missing places go into streams of their own, so that the cut between two
pieces leaves no mark, and neither does compression. Two writings of one value count as
one: every NaN is the same NaN, and -0.0 is 0.0. Text is text whether Arrow keeps it
with 32 or 64 bits of offset. The values of a category column count, and so does the
list of its categories, whose order decides the codes that a model gets.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from companion.errors import DataError

__all__ = ["ColumnDigest", "make_digest"]

Array = Any  # of pyarrow, which ships no types


def make_digest(kind: Any) -> "ColumnDigest":
    """Return the digest for columns of one Arrow type, with nothing fed yet.

    Raises DataError for a type whose content cannot be compared, such as a union.
    """
    for is_kind, make in _MAKERS:
        if is_kind(kind):
            return make(kind)
    raise DataError(
        f"columns of type {kind} have no fingerprint. Numbers, texts, times, bytes, "
        "categories, and lists and structures of them have one; convert the column."
    )


class ColumnDigest:
    """The digest of one column; this one is for columns with only missing values.

    Attributes
    ----------
    kind : str
        The column's type, the same for all the ways to store it.
    """

    def __init__(self, kind: Any) -> None:
        self.kind = str(kind)
        self._n_rows = 0
        self._missing = hashlib.sha256()

    def feed(self, array: Array) -> None:
        """Add the next rows."""
        missing = np.empty(0, np.int64)
        if array.null_count:
            missing = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))
            self._missing.update((missing + self._n_rows).astype("<i8").data)
        self._n_rows += len(array)
        if len(array):
            self._feed_values(array, missing)

    def hexdigest(self) -> str:
        """Return the SHA-256 of all rows fed so far, with their type."""
        whole = hashlib.sha256(f"{self.kind}\n{self._n_rows}\n".encode())
        for part in (self._missing.hexdigest(), *self._parts()):
            whole.update(f"{part}\n".encode())
        return whole.hexdigest()

    def _feed_values(self, array: Array, missing: Any) -> None:
        """Add the values; where they are `missing`, anything may stand."""

    def _parts(self) -> list[str]:
        return []


class _Fixed(ColumnDigest):
    """Values of a fixed width in bytes."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self._width = kind.bit_width // 8
        self._float = f"<f{self._width}" if kinds.is_floating(kind) else None
        self._values = hashlib.sha256()

    def _feed_values(self, array: Array, missing: Any) -> None:
        start, end = array.offset, array.offset + len(array)
        raw = np.frombuffer(array.buffers()[1], np.uint8)
        raw = raw[start * self._width : end * self._width]
        if self._float:
            values = raw.view(self._float) + 0.0  # -0.0 becomes 0.0
            values[np.isnan(values)] = np.nan
            raw = values.view(np.uint8)
        if len(missing):
            raw = raw.reshape(-1, self._width).copy()
            raw[missing] = 0
        self._values.update(raw.data)

    def _parts(self) -> list[str]:
        return [self._values.hexdigest()]


class _Boolean(_Fixed):
    """True and false, which Arrow keeps as bits."""

    def __init__(self, kind: Any) -> None:
        super().__init__(pa.uint8())
        self.kind = str(kind)

    def _feed_values(self, array: Array, missing: Any) -> None:
        super()._feed_values(array.cast(pa.uint8()), missing)


class _Bytes(ColumnDigest):
    """Texts and bytes of any length."""

    def __init__(self, kind: Any) -> None:
        is_text = kinds.is_string(kind) or kinds.is_large_string(kind)
        super().__init__(
            "string" if is_text or kinds.is_string_view(kind) else "binary"
        )
        self._plain = pa.large_string() if self.kind == "string" else pa.large_binary()
        self._is_view = kinds.is_string_view(kind) or kinds.is_binary_view(kind)
        self._lengths = hashlib.sha256()
        self._values = hashlib.sha256()

    def _feed_values(self, array: Array, missing: Any) -> None:
        if self._is_view:
            array = array.cast(self._plain)
        if len(missing):
            array = array.fill_null("" if self.kind == "string" else b"")
        large = kinds.is_large_string(array.type) or kinds.is_large_binary(array.type)
        _, starts, values = array.buffers()
        offsets = np.frombuffer(starts, np.int64 if large else np.int32)
        offsets = offsets[array.offset : array.offset + len(array) + 1]
        # Four bytes: no reader here holds a single value of four gigabytes.
        self._lengths.update(np.diff(offsets).astype("<u4").data)
        if values is not None:
            self._values.update(memoryview(values)[offsets[0] : offsets[-1]])

    def _parts(self) -> list[str]:
        return [self._lengths.hexdigest(), self._values.hexdigest()]


class _Categories(ColumnDigest):
    """Values out of a list, with the list."""

    def __init__(self, kind: Any) -> None:
        self._values = make_digest(kind.value_type)
        ordered = ", ordered" if kind.ordered else ""
        super().__init__(f"category<{self._values.kind}{ordered}>")
        self._value_type = kind.value_type
        self._seen: dict[Any, None] = {}
        self._last: Any = None

    def _feed_values(self, array: Array, missing: Any) -> None:
        del missing  # the decoded values have the same places
        if self._last is None or not array.dictionary.equals(self._last):
            # Each row group may bring a list of its own.
            self._last = array.dictionary
            self._seen.update(dict.fromkeys(array.dictionary.to_pylist()))
        self._values.feed(array.dictionary_decode())

    def _parts(self) -> list[str]:
        listed = make_digest(self._value_type)
        listed.feed(pa.array(self._seen, self._value_type))
        return [self._values.hexdigest(), listed.hexdigest()]


class _Lists(ColumnDigest):
    """Lists of any length, of a fixed one, and maps."""

    def __init__(self, kind: Any) -> None:
        inner = (
            pa.struct([kind.key_field, kind.item_field]) if kinds.is_map(kind) else None
        )
        self._values = make_digest(inner or kind.value_type)
        super().__init__(f"{'map' if inner else 'list'}<{self._values.kind}>")
        self._lengths = hashlib.sha256()
        self._inner = inner

    def _feed_values(self, array: Array, missing: Any) -> None:
        if self._inner:
            array = array.cast(pa.list_(self._inner))
        lengths = pa.compute.list_value_length(array).fill_null(0)
        self._lengths.update(lengths.to_numpy(zero_copy_only=False).astype("<u4"))
        self._values.feed(
            array.drop_null().flatten() if len(missing) else array.flatten()
        )

    def _parts(self) -> list[str]:
        return [self._lengths.hexdigest(), self._values.hexdigest()]


class _Structures(ColumnDigest):
    """Structures with named fields."""

    def __init__(self, kind: Any) -> None:
        self._fields = [make_digest(field.type) for field in kind]
        inside = ", ".join(
            f"{field.name}: {digest.kind}"
            for field, digest in zip(kind, self._fields, strict=True)
        )
        super().__init__(f"struct<{inside}>")

    def _feed_values(self, array: Array, missing: Any) -> None:
        del missing  # `flatten` makes them missing in each field
        for digest, values in zip(self._fields, array.flatten(), strict=True):
            digest.feed(values)

    def _parts(self) -> list[str]:
        return [digest.hexdigest() for digest in self._fields]


class _Extension(ColumnDigest):
    """A type that somebody has built on one of Arrow's own."""

    def __init__(self, kind: Any) -> None:
        self._storage = make_digest(kind.storage_type)
        super().__init__(f"{kind.extension_name}<{self._storage.kind}>")

    def _feed_values(self, array: Array, missing: Any) -> None:
        del missing
        self._storage.feed(array.storage)

    def _parts(self) -> list[str]:
        return [self._storage.hexdigest()]


def _is_bytes(kind: Any) -> bool:
    return bool(
        kinds.is_string(kind)
        or kinds.is_large_string(kind)
        or kinds.is_string_view(kind)
        or kinds.is_binary(kind)
        or kinds.is_large_binary(kind)
        or kinds.is_binary_view(kind)
    )


def _is_list(kind: Any) -> bool:
    return bool(
        kinds.is_list(kind)
        or kinds.is_large_list(kind)
        or kinds.is_fixed_size_list(kind)
        or kinds.is_map(kind)
    )


def _is_fixed(kind: Any) -> bool:
    return bool(
        kinds.is_primitive(kind)
        or kinds.is_decimal(kind)
        or kinds.is_fixed_size_binary(kind)
    )


_MAKERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], ColumnDigest]], ...] = (
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _Extension),
    (kinds.is_null, ColumnDigest),
    (kinds.is_boolean, _Boolean),
    (_is_bytes, _Bytes),
    (kinds.is_dictionary, _Categories),
    (_is_list, _Lists),
    (kinds.is_struct, _Structures),
    (_is_fixed, _Fixed),
)
