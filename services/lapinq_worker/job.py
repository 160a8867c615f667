"""A claimed task with the function it asks for."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from lapinq_core.domain.claim import Claim

_arguments = msgspec.json.Decoder(list[Any])
_keywords = msgspec.json.Decoder(dict[str, Any])
_NO_ARGUMENTS = b"[]"
_NO_KEYWORDS = b"{}"


class Target:
    """A function, and whether calling it gives a coroutine."""

    __slots__ = ("function", "is_coroutine")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.is_coroutine = inspect.iscoroutinefunction(function)


class Job:
    """What the dispatcher hands to a pool."""

    __slots__ = ("claim", "target")

    def __init__(self, claim: Claim, target: Target) -> None:
        self.claim = claim
        self.target = target


def decode_arguments(
    args: bytes | msgspec.Raw, kwargs: bytes | msgspec.Raw
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from their JSON text."""
    return (
        [] if args == _NO_ARGUMENTS else _arguments.decode(args),
        {} if kwargs == _NO_KEYWORDS else _keywords.decode(kwargs),
    )
