"""A claimed task with the function it asks for."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from lapinq_core.domain.claim import Claim
from lapinq_worker.run_time import RunTime

_arguments = msgspec.json.Decoder(list[Any])
_keywords = msgspec.json.Decoder(dict[str, Any])
_EMPTY = 2  # the length of "[]" and "{}"


class Target:
    """A function, whether calling it gives a coroutine, and how long it takes."""

    __slots__ = ("function", "is_coroutine", "run_time")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.is_coroutine = inspect.iscoroutinefunction(function)
        self.run_time = RunTime()


class Job:
    """What the dispatcher hands to a pool. `expires` is when it must no longer be started, by time.monotonic."""

    __slots__ = ("claim", "expires", "target")

    def __init__(self, claim: Claim, target: Target, asked: float = 0.0) -> None:
        """`asked` is when the claim was sent off, by the same clock; it matters where the task has a time to live."""
        self.claim = claim
        self.target = target
        self.expires = None if claim.expires_in is None else asked + claim.expires_in


def decode_arguments(
    args: bytes | msgspec.Raw, kwargs: bytes | msgspec.Raw
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from their JSON text."""
    return (
        [] if len(args) == _EMPTY else _arguments.decode(args),
        {} if len(kwargs) == _EMPTY else _keywords.decode(kwargs),
    )
