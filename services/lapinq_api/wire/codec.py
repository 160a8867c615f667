"""JSON in and out: the response class, and decoding large bodies beside the event loop."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

from starlette.responses import Response

from lapinq_core.domain.json_times import encode

P = ParamSpec("P")
T = TypeVar("T")

_LARGE_BYTES = 64 * 1024
"""Larger bodies are decoded in a thread, so that they don't block the event loop."""


class Json(Response):
    """A JSON response. `content` is a struct, a builtin value, or encoded JSON as bytes."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        # Without the parent's constructor, which takes three times as long.
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


def is_small(body: bytes) -> bool:
    """Whether it is decoded in the event loop."""
    return len(body) < _LARGE_BYTES


async def off_loop_if_large(body: bytes, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns what `read` returns. Calls it in a thread if `body` is large."""
    if is_small(body):
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)
