"""Decoding the body of a request, with errors that name the place and the reason."""

import re
from typing import TypeVar

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.tasks.task import MAX_DEPTH

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decodes `body`. Raises `InvalidValue`, and nothing else, if it isn't JSON or doesn't fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _validation_error(str(error), decoder.type) from error
    except msgspec.DecodeError as error:
        raise InvalidValue("", f"is not valid JSON: {_reason(str(error))}") from error
    except UnicodeDecodeError as error:
        raise InvalidValue("", "is not valid JSON: it is not encoded in UTF-8") from error
    except RecursionError as error:
        raise InvalidValue("", f"must not be nested more than {MAX_DEPTH} levels deep") from error


_PLACE = re.compile(r"(?P<what>.*) - at `(?P<place>\$[^`]*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`")
_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_GOT = {**_WORDS, "bool": "a boolean", "float": "a decimal fraction"}


def _validation_error(message: str, kind: object) -> InvalidValue:
    """Parses msgspec's message about a `kind`: "Expected `int | null`, got `str` - at `$[3].priority`"."""
    located = _PLACE.fullmatch(message)
    what, place = (located["what"], located["place"][1:].removeprefix(".")) if located else (message, "")
    if field := _FIELD.fullmatch(what):
        is_missing = field["how"].startswith("missing")
        msg = "is required" if is_missing else f"is not a known field{_similar(field['name'], place, kind)}"
        return InvalidValue(f"{place}.{field['name']}" if place else field["name"], msg)
    if types := _EXPECTED.fullmatch(what):
        wanted, got = types["wanted"].removesuffix(" | null"), types["got"]
        words = " or ".join(_WORDS.get(one, one) for one in wanted.split(" | "))
        return InvalidValue(place, f"must be {words}, not {_GOT.get(got, got)}")
    if what.endswith("out of range"):
        return InvalidValue(place, "must be a number within range")
    return InvalidValue(place, what[:1].lower() + what[1:])


def _similar(name: str, place: str, kind: object) -> str:
    """What follows an unknown field in a message: a known one that is like it, in an object or a list of them."""
    [described] = msgspec.inspect.multi_type_info([kind])
    if isinstance(described, msgspec.inspect.ListType):
        described, place = described.item_type, re.sub(r"^\[\d+\]", "", place)
    if place or not isinstance(described, msgspec.inspect.StructType):
        return ""
    return did_you_mean(name, [field.encode_name for field in described.fields])


def _reason(message: str) -> str:
    return "it ends too early" if "truncated" in message else message.removeprefix("JSON is malformed: ")
