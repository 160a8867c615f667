"""What an annotation asks for, as far as the expression itself shows; the fields of a class are not looked at.

An annotation acts if JSON has no value of its type, or if its type has checks of its own. `int`, `list[str]` and
`dict[str, Any]` are what JSON holds: such values arrive as they were sent.
"""

import dataclasses
import enum
import sys
import types
import typing
from collections import abc
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union
from uuid import UUID

import msgspec


class Kind(enum.Enum):
    """What a part of an annotation asks for."""

    PLAIN = enum.auto()
    """What JSON holds."""
    CONVERTED = enum.auto()
    """A type that msgspec makes of JSON."""
    PYDANTIC = enum.auto()
    """A type or a constraint of Pydantic's."""
    UNKNOWN = enum.auto()
    """Any other class: nobody knows how to make one."""


UNIONS: tuple[Any, ...] = (Union, types.UnionType)
ARRAYS: tuple[Any, ...] = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)
OBJECTS: tuple[Any, ...] = (dict, abc.Mapping, abc.MutableMapping)
COLLECTIONS: tuple[Any, ...] = (tuple, set, frozenset, abc.Set, abc.MutableSet)
_PLAIN = (Any, object, None, types.NoneType, bool, int, float, str)
_SCALARS = (bytes, bytearray, memoryview, date, datetime, time, timedelta, Decimal, UUID)


def kinds(annotation: Any) -> set[Kind]:
    """The kinds of its parts."""
    return set(_kinds(annotation, ()))


def bare(annotation: Any) -> Any:
    """What stands behind a new type, an alias, or a type variable."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            constraints = annotation.__constraints__
            annotation = Union[constraints] if constraints else annotation.__bound__ or Any  # noqa: UP007
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def is_record(found: Any) -> bool:
    """Whether msgspec makes this class of an object with its fields, or of an array of them."""
    if not isinstance(found, type):
        return False
    kind: Any = found
    return (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or hasattr(kind, "__attrs_attrs__")
        or hasattr(kind, "__required_keys__")  # a typed dict, also of typing_extensions
        or hasattr(kind, "_field_defaults")  # a named tuple
    )


def is_pydantic(found: Any) -> bool:
    """Whether Pydantic validates this class."""
    return (
        "pydantic" in sys.modules
        and isinstance(found, type)
        and (
            hasattr(found, "__get_pydantic_core_schema__")
            or hasattr(found, "__pydantic_validator__")
            or found.__module__.startswith("pydantic_core.")
        )
    )


def _kinds(annotation: Any, inside: tuple[Any, ...]) -> Iterator[Kind]:
    """`inside` are the aliases around it, which may name themselves."""
    if type(annotation).__name__ == "TypeAliasType":
        if any(annotation is one for one in inside):
            return
        inside = (*inside, annotation)
    annotation = bare(annotation)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if any(annotation is one for one in _PLAIN):
        yield Kind.PLAIN
    elif origin is Annotated:
        yield from map(_kind_of_metadata, annotation.__metadata__)
        yield from _kinds(parts[0], inside)
    elif origin is Literal:
        yield Kind.UNKNOWN if any(isinstance(value, Enum | bytes) for value in parts) else Kind.PLAIN
    elif origin in UNIONS:
        for part in parts:
            yield from _kinds(part, inside)
    else:
        yield from _kinds_of_class(annotation if origin is None else origin, parts, inside)


def _kinds_of_class(found: Any, parts: tuple[Any, ...], inside: tuple[Any, ...]) -> Iterator[Kind]:
    if found in OBJECTS and parts:
        # The keys of an object are strings.
        is_str = bare(parts[0]) in (str, Any) or typing.get_origin(parts[0]) is Literal
        yield Kind.PLAIN if is_str else Kind.CONVERTED
    elif found in ARRAYS or found in OBJECTS:
        yield Kind.PLAIN
    elif is_pydantic(found):
        yield Kind.PYDANTIC
    elif found in COLLECTIONS or found in _SCALARS or is_record(found) or _is_enum(found):
        yield Kind.CONVERTED
    else:
        yield Kind.UNKNOWN
    for part in parts:
        if part is not Ellipsis:
            yield from _kinds(part, inside)


def _is_enum(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Enum)


def _kind_of_metadata(metadata: object) -> Kind:
    if isinstance(metadata, msgspec.Meta):
        return Kind.CONVERTED
    library = type(metadata).__module__.partition(".")[0]
    # Pydantic's constrained types, such as PositiveInt, are written with `annotated_types`.
    is_constraint = "pydantic" in sys.modules and library in {"pydantic", "annotated_types"}
    return Kind.PYDANTIC if is_constraint else Kind.PLAIN
