"""JSON in and out: the response class, and decoding that refuses with the place and the reason."""

import asyncio
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import msgspec
from starlette.responses import Response

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_times import encode
from lapinq_core.domain.tasks.task import MAX_DEPTH

P = ParamSpec("P")
T = TypeVar("T")

_LARGE_BYTES = 64 * 1024
"""Bodies from here on are decoded in a thread: they would hold up everybody else."""


class Json(Response):
    """A JSON answer. `content` is a struct or builtin value, or bytes that are JSON already."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        # Not the constructor of the parent, which takes three times as long.
        body = content if isinstance(content, bytes) else encode(content)
        self.status_code = int(status_code)
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), *_FIXED_HEADERS]
        if headers:
            self.raw_headers += [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_FIXED_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """What `body` holds. Raises `InvalidValue` for what isn't JSON or doesn't fit; never anything else."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from error
    except msgspec.DecodeError as error:
        raise InvalidValue("", f"is not valid JSON: {_reason(str(error))}") from error
    except UnicodeDecodeError as error:
        raise InvalidValue("", "is not valid JSON: it is not encoded in UTF-8") from error
    except RecursionError as error:
        raise InvalidValue("", f"must not be nested more than {MAX_DEPTH} levels deep") from error


async def off_loop_if_large(body: bytes, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `read` answers, called in a thread where `body` is so large that it takes long."""
    if len(body) < _LARGE_BYTES:
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)


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


def _misfit(message: str) -> InvalidValue:
    """msgspec's message taken apart: "Expected `int | null`, got `str` - at `$[3].priority`"."""
    located = _PLACE.fullmatch(message)
    what, place = (located["what"], located["place"][1:].removeprefix(".")) if located else (message, "")
    if field := _FIELD.fullmatch(what):
        msg = "is required" if field["how"].startswith("missing") else "is not a known field"
        return InvalidValue(f"{place}.{field['name']}" if place else field["name"], msg)
    if types := _EXPECTED.fullmatch(what):
        wanted, got = types["wanted"].removesuffix(" | null"), types["got"]
        return InvalidValue(place, f"must be {_WORDS.get(wanted, wanted)}, not {_GOT.get(got, got)}")
    if what.endswith("out of range"):
        return InvalidValue(place, "must be a number that can be kept")
    return InvalidValue(place, what[:1].lower() + what[1:])


def _reason(message: str) -> str:
    return "it ends too early" if "truncated" in message else message.removeprefix("JSON is malformed: ")
