"""Types for msgspec where it refuses the user's: unions of alike types, and classes with such unions in their fields.

A stand-in is an empty class. msgspec hands what it finds in its place to a hook, which reads it by the stand-in's rule.
"""

import typing
from collections import abc
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, cast

import msgspec
from msgspec import UNSET, UnsetType

from lapinq_core.domain.annotations.kinds import (
    ARRAYS,
    COLLECTIONS,
    OBJECTS,
    UNIONS,
    bare,
    is_pydantic,
    is_record,
)
from lapinq_core.domain.annotations.record_fields import fields_of, names_in_json

_AT = " - at `$"
_NAMES = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "array",
    dict: "object",
}


class _AnyInstance(type):
    """msgspec checks that the hook returns an instance of the stand-in."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class StandIns:
    """The stand-ins in one annotation. `read` is the hook."""

    def __init__(self) -> None:
        self._rules: dict[type, Callable[[Any], Any]] = {}
        self._records: dict[type, type] = {}
        self._names: dict[type, frozenset[str]] = {}  # the fields of records, as JSON names them

    def accepted(self, annotation: Any) -> Any:
        """A type for msgspec that stands for the annotation. Raises if there is none."""
        annotation = bare(annotation)
        if not _has_iterable(annotation) and _is_accepted(annotation):
            return annotation
        origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is abc.Iterable:
            return list[self.accepted(parts[0])]
        if origin is Annotated:
            metadata = [one for one in annotation.__metadata__ if isinstance(one, msgspec.Meta)]
            inner = self.accepted(parts[0])
            return Annotated[(inner, *metadata)] if metadata else inner
        if origin in UNIONS:
            return self._union([self.accepted(part) for part in parts], annotation)
        if is_record(annotation):
            return self._record(annotation)
        if parts and origin in (*ARRAYS, *COLLECTIONS, *OBJECTS):
            return origin[tuple(part if part is Ellipsis else self.accepted(part) for part in parts)]
        raise TypeError(f"{annotation!r} can't be read")

    def read(self, kind: type, value: Any) -> Any:
        """The hook of msgspec's decoders. `value` is decoded JSON."""
        rule = self._rules.get(kind)
        if rule is not None:
            try:
                return rule(value)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from None  # only to such an error msgspec adds the place
        if is_pydantic(kind):
            from lapinq_core.domain.annotations import pydantic_types

            return pydantic_types.read_part(kind, value)
        if isinstance(value, kind):
            return value
        raise ValueError(f"Expected `{kind.__name__}`, which can't be made of JSON")

    def _stand_in(self, name: str, rule: Callable[[Any], Any] | None = None) -> type:
        made = _AnyInstance(name, (), {})
        if rule is not None:
            self._rules[made] = rule
        return made

    def _union(self, options: Sequence[Any], annotation: Any) -> Any:
        union = Union[tuple(options)]  # noqa: UP007
        if _is_accepted(union):
            return union
        names = [self._names.get(option) or names_in_json(option) for option in options]

        def rule(value: Any) -> Any:
            problems, found = list[str](), _NAMES[type(value)]
            for option, known in zip(options, names, strict=True):
                try:
                    if known:
                        _check_names(value, known)
                    return msgspec.convert(value, option, str_keys=True, dec_hook=self.read)
                except msgspec.ValidationError as error:
                    if known and found == "object":
                        problems.append(f"{_name_of(option)}: {describe(error).replace(_AT, ' in `')}")
            expected = f"Expected `{' | '.join(map(_name_of, options))}`, got `{found}`"
            raise ValueError("; ".join([expected, *problems]))

        return self._stand_in(_name_of(annotation), rule)

    def _record(self, found: Any) -> type:
        """Stands for a class by a struct with its fields, of types that msgspec accepts."""
        if found in self._records:
            return self._records[found]  # also in its own fields
        made = self._records[found] = self._stand_in(found.__name__)
        fields = fields_of(found)
        is_tuple = issubclass(found, tuple)
        mirror = msgspec.defstruct(
            found.__name__,
            [
                (f"_{number}", self.accepted(one.hint))
                if one.is_required
                else (f"_{number}", Union[self.accepted(one.hint), UnsetType], UNSET)  # noqa: UP007
                for number, one in enumerate(fields)
            ],
            rename={f"_{number}": one.encoded for number, one in enumerate(fields)},
            array_like=is_tuple,
        )
        msgspec.json.Decoder(mirror)  # raises if a field can't be read
        self._names[made] = frozenset(one.encoded for one in fields)

        def rule(value: Any) -> Any:
            read = msgspec.convert(value, mirror, str_keys=True, dec_hook=self.read)
            values = {
                one.name: part
                for number, one in enumerate(fields)
                if (part := getattr(read, f"_{number}")) is not UNSET
            }
            return found(**values)

        self._rules[made] = rule
        return made


def describe(error: Exception) -> str:
    """The message of msgspec's error. Errors of a hook come with two places, which are one inside the other."""
    message, *places = str(error).split(_AT)
    path = "".join(place.rstrip("`") for place in reversed(places))
    return f"{message}{_AT}{path}`" if places else message


def _check_names(value: object, known: frozenset[str]) -> None:
    """In a union, an object with other fields is no such record: it must be one of the others."""
    if isinstance(value, dict):
        unknown = cast("dict[str, Any]", value).keys() - known
        if unknown:
            raise msgspec.ValidationError(f"Object contains unknown field `{min(unknown)}`")


def _has_iterable(annotation: Any) -> bool:
    """msgspec accepts it, but doesn't know it."""
    return typing.get_origin(annotation) is abc.Iterable or any(
        map(_has_iterable, typing.get_args(annotation))
    )


def _is_accepted(annotation: Any) -> bool:
    try:
        msgspec.json.Decoder(annotation)
    except Exception:  # noqa: BLE001  # user code: classes of the user's, whose annotations are evaluated
        return False
    return True


def _name_of(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "None" if annotation is type(None) else annotation.__name__
    return str(annotation).replace("typing.", "")
