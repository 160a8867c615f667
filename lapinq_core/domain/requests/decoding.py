"""Decoding the body of a request, with errors that name the place and the reason.

msgspec says what is wrong in a sentence, which changes between its versions. So the place and the reason are looked up
in the decoded body: the first value that doesn't fit the declared types.
"""

import json
import math
import sys
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, Union, cast

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.tasks.task import MAX_DEPTH

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decodes `body`. Raises `InvalidValue`, and nothing else, if it isn't JSON or doesn't fit."""
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise _misfit(body, decoder.type, error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidValue("", f"is not valid JSON: {_reason(body, error)}") from error
    except RecursionError as error:
        raise InvalidValue("", f"must not be nested more than {MAX_DEPTH} levels deep") from error


_NAMES: dict[Any, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    list: "array",
    type(None): "null",
}
_WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_OTHER_WORDS = {
    "arguments": "args",
    "countdown": "scheduled_at",
    "delay": "scheduled_at",
    "depends_on": "after",
    "eta": "scheduled_at",
    "function": "task_name",
    "interval": "every",
    "name": "task_name",
    "parents": "after",
    "percent": "progress",
    "tz": "timezone",
    "unique": "overlap",
}
"""What other queues call a field, for a body that has the one and not the other."""
_OF_WORKFLOWS = ("after", "after_failure", "ref")
"""Fields of a task in a workflow, which other tasks don't have."""
_GOT = {**_WORDS, "bool": "a boolean", "float": "a decimal fraction"}


_MAX_VALUES = 50_000
"""Values that are checked, in some 50 ms. For a wrong value after them, the error has msgspec's message."""
_MAX_DIGITS = sys.int_info.default_max_str_digits


def _misfit(body: bytes, kind: Any, error: msgspec.ValidationError) -> InvalidValue:
    """The first thing in `body` that doesn't fit `kind`. msgspec found it, and raised `error`."""
    try:
        value = _load(body)
    except ValueError as worse:  # after what msgspec has read
        return InvalidValue("", f"is not valid JSON: {_reason(body, worse)}")
    return next(_problems(value, kind, "", iter(range(_MAX_VALUES))), InvalidValue("", _sentence(error)))


def _reason(body: bytes, error: Exception) -> str:
    try:
        _load(body)
    except UnicodeDecodeError:
        return "it is not encoded in UTF-8"
    except json.JSONDecodeError as seen:
        if seen.pos == len(seen.doc.rstrip()):
            return "it ends too early"
    return str(error).removeprefix("JSON is malformed: ")


def _load(body: bytes) -> object:
    """Numbers that are too large become infinite."""
    return json.loads(
        body.decode(), parse_int=lambda digits: float(digits) if len(digits) > _MAX_DIGITS else int(digits)
    )


def _problems(value: object, kind: Any, place: str, turns: Iterator[int]) -> Iterator[InvalidValue]:
    """What doesn't fit `kind` in `value`, decoded JSON at `place`, in the order of the document.

    Looks at one value for each of `turns`.
    """
    if next(turns, None) is None:
        return
    kinds = list(_alternatives(kind))
    wanted = [_name_of(one) for one in kinds]
    got = _name_of(type(value))
    if isinstance(value, float) and not math.isfinite(value):
        yield InvalidValue(place, "must be a number within range")
    elif got not in wanted and Any not in kinds and not (got == "int" and "float" in wanted):
        words = " or ".join(word for name, word in _WORDS.items() if name in wanted and name != "null")
        yield InvalidValue(place, f"must be {words}{_with_fields(kinds)}, not {_GOT[got]}")
    elif isinstance(value, dict):
        yield from _problems_in_object(cast("dict[str, object]", value), kinds, place, turns)
    elif isinstance(value, list):
        parts = [part for one in kinds for part in typing.get_args(one)[:1]]
        for index, item in enumerate(cast("list[object]", value)):
            yield from _problems(item, parts[0] if parts else Any, f"{place}[{index}]", turns)
    elif Any not in kinds:
        yield from _broken_rule(value, kind, place)


def _problems_in_object(
    value: dict[str, object], kinds: list[Any], place: str, turns: Iterator[int]
) -> Iterator[InvalidValue]:
    prefix = f"{place}." if place else ""
    struct = _struct_of(kinds)
    if struct is None:
        parts = [part for one in kinds for part in typing.get_args(one)[1:]]
        for name, item in value.items():
            yield from _problems(item, parts[0] if parts else Any, f"{prefix}{name}", turns)
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name, item in value.items():
        if name in fields:
            yield from _problems(item, fields[name].type, f"{prefix}{name}", turns)
        elif struct.__struct_config__.forbid_unknown_fields:
            known = f"; known are {', '.join(fields)}" if _lists_fields(struct) else ""
            if _OTHER_WORDS.get(name, name) in _OF_WORKFLOWS and "task_name" in fields:
                known = ": tasks that wait for others are enqueued together, with POST /api/v1/workflows"
            meant = _OTHER_WORDS[name] if _OTHER_WORDS.get(name) in fields else name
            yield InvalidValue(f"{prefix}{name}", f"is not a known field{did_you_mean(meant, fields)}{known}")
    for name, field in fields.items():
        if field.required and name not in value:
            yield InvalidValue(f"{prefix}{name}", "is required")


def _with_fields(kinds: list[Any]) -> str:
    struct = _struct_of(kinds)
    return f" with {', '.join(struct.__struct_fields__)}" if _lists_fields(struct) and struct else ""


def _lists_fields(struct: type[msgspec.Struct] | None) -> bool:
    return getattr(struct, "lists_fields", False)


def _struct_of(kinds: list[Any]) -> type[msgspec.Struct] | None:
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def _broken_rule(value: object, kind: Any, place: str) -> Iterator[InvalidValue]:
    """A value of the right type that is too long, say, or none of those allowed."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield InvalidValue(place, _sentence(error))


def _alternatives(kind: Any) -> Iterator[Any]:
    """The types that a field's annotation allows, without what describes them."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(kind.__origin__)
    elif origin in (Union, types.UnionType):
        for one in typing.get_args(kind):
            yield from _alternatives(one)
    elif kind is not msgspec.UnsetType:
        yield kind


def _name_of(kind: Any) -> str:
    """The kind of JSON that a type is written as."""
    kind = typing.get_origin(kind) or kind
    if isinstance(kind, type) and issubclass(kind, str):
        return "str"
    return _NAMES.get(kind, "object")


def _sentence(error: msgspec.ValidationError) -> str:
    said = str(error)
    return said[:1].lower() + said[1:]
