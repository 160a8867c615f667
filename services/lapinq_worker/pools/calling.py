"""Calls plain functions; what threads and child processes share."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, cast

import msgspec

from lapinq_core.domain.outcome import Outcome
from lapinq_worker.job import decode_arguments
from lapinq_worker.outcomes import raised, returned


def call(function: Callable[..., Any], args: bytes | msgspec.Raw, kwargs: bytes | msgspec.Raw) -> Outcome:
    """Calls `function` in a context of its own, so that context variables do not leak into the next call."""
    try:
        positional, keywords = decode_arguments(args, kwargs)
        return returned(contextvars.copy_context().run(_run, function, positional, keywords))
    except BaseException as error:  # noqa: BLE001  # user code
        return raised(error)


def _run(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> object:
    value: object = function(*args, **kwargs)
    if value is not None and isinstance(value, Coroutine):
        # A decorator that is no coroutine function itself stands around one that is.
        return asyncio.run(cast("Coroutine[Any, Any, object]", value))
    return value
