"""The way of a request through a queue's middleware. Nothing here is used by a queue without any."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from lapinq import _requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from lapinq_core.domain.tasks.middleware import Entries, Middleware

_OPEN = ("args", "kwargs")


def checked(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """Raises TypeError for what is no middleware."""
    from lapinq_core.domain.tasks.middleware import Middleware as Base

    given: tuple[Any, ...] = tuple(middleware)
    for one in given:
        if isinstance(one, type) and issubclass(one, Base):
            raise TypeError(f"middleware takes instances: {one.__name__}(), not {one.__name__}")
        if not isinstance(one, Base):
            raise TypeError(f"middleware takes instances of lapinq.Middleware, not {one!r}")
    return given


def opened(queue: _requests.Defaults, entries: Iterable[Mapping[str, Any]]) -> Entries:
    """Copies with all that the queue adds, which a middleware may change.

    They share the arguments themselves with the caller, which may be any objects, and nothing with the next request:
    neither the list and the dict that hold the arguments nor anything in the metadata.
    """
    return [_opened(_requests.completed(queue, entry)) for entry in entries]


def only(entries: Entries) -> dict[str, Any]:
    """The entry of a request for one task. Raises ValueError when a middleware made none or several of it."""
    if len(entries) != 1:
        raise ValueError(f"a middleware handed on {len(entries)} entries in a request for one task")
    return entries[0]


def pass_through(middleware: Sequence[Middleware], entries: Entries, send: Callable[[Entries], Any]) -> Any:
    """Sends `entries` with the middleware around it; what the outermost answers."""

    def layer(depth: int, entries: Entries) -> Any:
        if depth == len(middleware):
            return send(entries)
        return middleware[depth].enqueue(entries, lambda passed: layer(depth + 1, passed))

    return layer(0, entries)


async def apass_through(
    middleware: Sequence[Middleware], entries: Entries, send: Callable[[Entries], Awaitable[Any]]
) -> Any:
    """As `pass_through`, for coroutines."""

    async def layer(depth: int, entries: Entries) -> Any:
        if depth == len(middleware):
            return await send(entries)
        return await middleware[depth].aenqueue(entries, lambda passed: layer(depth + 1, passed))

    return await layer(0, entries)


def _opened(entry: dict[str, Any]) -> dict[str, Any]:
    for field in _OPEN:
        value = entry.get(field)
        if isinstance(value, dict):
            entry[field] = {**cast("dict[Any, Any]", value)}
        elif isinstance(value, (list, tuple)):
            entry[field] = [*cast("list[Any] | tuple[Any, ...]", value)]
    if entry.get("metadata") is not None:
        entry["metadata"] = _copied(entry["metadata"])
    return entry


def _copied(metadata: Any) -> Any:
    try:
        return deepcopy(metadata)
    except Exception:  # noqa: BLE001  # user's objects; if no middleware takes it out, the encoder names what is wrong
        return {**cast("dict[Any, Any]", metadata)} if isinstance(metadata, dict) else metadata
