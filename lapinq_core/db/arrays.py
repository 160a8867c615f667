"""Array parameters in PostgreSQL's binary format: for long arrays, a fifth of what the driver and the server spend on
text."""

import struct
from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_UUID, _UUID_ARRAY = 2950, 2951
_FLOAT8, _FLOAT8_ARRAY = 701, 1022
_BOOL, _BOOL_ARRAY = 16, 1000
_TEXT, _TEXT_ARRAY = 25, 1009
_UUID_LENGTH, _FLOAT8_LENGTH = "00000010", 8
_BOOLS = (b"\x00\x00\x00\x01\x00", b"\x00\x00\x00\x01\x01")
_NULL = b"\xff\xff\xff\xff"


class UuidArray(bytes):
    """A `uuid[]`. Made by `uuid_array`."""

    __slots__ = ()


class FloatArray(bytes):
    """A `float8[]`. Made by `float_array`."""

    __slots__ = ()


class BoolArray(bytes):
    """A `boolean[]`. Made by `bool_array`."""

    __slots__ = ()


class TextArray(bytes):
    """A `text[]`. Made by `text_array`."""

    __slots__ = ()


def uuid_array(uuids: Sequence[str]) -> UuidArray:
    """Of UUIDs in their usual form. Raises ValueError if one is none."""
    if not uuids:
        return UuidArray(_head(_UUID, 0))
    digits = _UUID_LENGTH + _UUID_LENGTH.join(uuids)
    return UuidArray(_head(_UUID, len(uuids)) + bytes.fromhex(digits.replace("-", "")))


def float_array(numbers: Sequence[float | None]) -> FloatArray:
    """Of numbers and NULLs."""
    if None in numbers:
        parts = [
            _NULL if number is None else struct.pack(">id", _FLOAT8_LENGTH, number) for number in numbers
        ]
        return FloatArray(_head(_FLOAT8, len(numbers), has_nulls=True) + b"".join(parts))
    flat = [_FLOAT8_LENGTH] * (2 * len(numbers))
    flat[1::2] = numbers  # pyright: ignore[reportCallIssue, reportArgumentType]  # lengths and numbers in turns
    return FloatArray(_head(_FLOAT8, len(numbers)) + struct.pack(">" + "id" * len(numbers), *flat))


def bool_array(flags: Sequence[bool]) -> BoolArray:
    """Of booleans."""
    return BoolArray(_head(_BOOL, len(flags)) + b"".join([_BOOLS[flag] for flag in flags]))


def text_array(texts: Sequence[str | None]) -> TextArray:
    """Of texts and NULLs."""
    parts: list[bytes] = []
    for text in texts:
        if text is None:
            parts.append(_NULL)
        else:
            encoded = text.encode()
            parts += (len(encoded).to_bytes(4), encoded)
    return TextArray(_head(_TEXT, len(texts), has_nulls=None in texts) + b"".join(parts))


def _head(element: int, length: int, *, has_nulls: bool = False) -> bytes:
    # How many dimensions (an empty array has none), whether there are NULLs, the type; the length, the first index.
    if not length:
        return struct.pack(">iiI", 0, 0, element)
    return struct.pack(">iiIii", 1, has_nulls, element, length, 1)


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID_ARRAY

    def dump(self, obj: UuidArray) -> bytes:
        return obj


class _FloatArrayDumper(Dumper):
    format = Format.BINARY
    oid = _FLOAT8_ARRAY

    def dump(self, obj: FloatArray) -> bytes:
        return obj


class _BoolArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BOOL_ARRAY

    def dump(self, obj: BoolArray) -> bytes:
        return obj


class _TextArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT_ARRAY

    def dump(self, obj: TextArray) -> bytes:
        return obj


psycopg.adapters.register_dumper(UuidArray, _UuidArrayDumper)
psycopg.adapters.register_dumper(FloatArray, _FloatArrayDumper)
psycopg.adapters.register_dumper(BoolArray, _BoolArrayDumper)
psycopg.adapters.register_dumper(TextArray, _TextArrayDumper)
