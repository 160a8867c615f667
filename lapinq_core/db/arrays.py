"""Array parameters in PostgreSQL's binary format: for long arrays, a fifth of what the driver and the server spend on
text."""

import struct
from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_UUID, _UUID_ARRAY = 2950, 2951
_FLOAT8, _FLOAT8_ARRAY = 701, 1022
_UUID_LENGTH, _FLOAT8_LENGTH = "00000010", 8


class UuidArray(bytes):
    """A `uuid[]`. Made by `uuid_array`."""

    __slots__ = ()


class FloatArray(bytes):
    """A `float8[]`. Made by `float_array`."""

    __slots__ = ()


def uuid_array(uuids: Sequence[str]) -> UuidArray:
    """Of UUIDs in their usual form. Raises ValueError if one is none."""
    if not uuids:
        return UuidArray(_head(_UUID, 0))
    digits = _UUID_LENGTH + _UUID_LENGTH.join(uuids)
    return UuidArray(_head(_UUID, len(uuids)) + bytes.fromhex(digits.replace("-", "")))


def float_array(numbers: Sequence[float]) -> FloatArray:
    """Of numbers."""
    flat = [_FLOAT8_LENGTH] * (2 * len(numbers))
    flat[1::2] = numbers  # pyright: ignore[reportCallIssue, reportArgumentType]  # lengths and numbers in turns
    return FloatArray(_head(_FLOAT8, len(numbers)) + struct.pack(">" + "id" * len(numbers), *flat))


def _head(element: int, length: int) -> bytes:
    # How many dimensions (an empty array has none), whether there are NULLs, the type; the length, the first index.
    return struct.pack(">iiIii", 1, 0, element, length, 1) if length else struct.pack(">iiI", 0, 0, element)


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


psycopg.adapters.register_dumper(UuidArray, _UuidArrayDumper)
psycopg.adapters.register_dumper(FloatArray, _FloatArrayDumper)
