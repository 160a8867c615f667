"""Sending entries through the middleware of a queue. A queue without middleware doesn't import this."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from lapinq._client.entries.entry import with_defaults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from lapinq._client.settings import QueueSettings
    from lapinq_core.domain.tasks.middleware import Entries, Middleware


def check_middleware(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """The middleware as a tuple. Raises TypeError for anything else in it."""
    from lapinq_core.domain.tasks.middleware import Middleware as Base

    given: tuple[Any, ...] = tuple(middleware)
    for one in given:
        if isinstance(one, type) and issubclass(one, Base):
            raise TypeError(f"middleware takes instances: {one.__name__}(), not {one.__name__}")
        if not isinstance(one, Base):
            raise TypeError(f"middleware takes instances of lapinq.Middleware, not {one!r}")
    return given


def editable_copies(queue: QueueSettings, entries: Iterable[Mapping[str, Any]]) -> Entries:
    """Copies with the queue's defaults, for the middleware to change.

    The list and dict of the arguments and all metadata are copied, so that a change affects this request only. The
    arguments themselves are the caller's objects.
    """
    return [_editable_copy(with_defaults(queue, entry)) for entry in entries]


def only_entry(entries: Entries) -> dict[str, Any]:
    """The entry of a request for one task. Raises ValueError if a middleware passed on none or several."""
    if len(entries) != 1:
        raise ValueError(f"a middleware passed on {len(entries)} entries in a request for one task")
    return entries[0]


def pass_through(middleware: Sequence[Middleware], entries: Entries, send: Callable[[Entries], Any]) -> Any:
    """Send `entries` through the middleware. Returns what the outermost returns."""

    def layer(depth: int, entries: Entries) -> Any:
        if depth == len(middleware):
            return send(entries)
        return middleware[depth].enqueue(entries, lambda passed: layer(depth + 1, passed))

    return layer(0, entries)


async def apass_through(
    middleware: Sequence[Middleware], entries: Entries, send: Callable[[Entries], Awaitable[Any]]
) -> Any:
    """Like `pass_through`, for coroutines."""

    async def layer(depth: int, entries: Entries) -> Any:
        if depth == len(middleware):
            return await send(entries)
        return await middleware[depth].aenqueue(entries, lambda passed: layer(depth + 1, passed))

    return await layer(0, entries)


def _editable_copy(entry: dict[str, Any]) -> dict[str, Any]:
    for field in ("args", "kwargs"):
        value = entry.get(field)
        if isinstance(value, dict):
            entry[field] = {**cast("dict[Any, Any]", value)}
        elif isinstance(value, (list, tuple)):
            entry[field] = [*cast("list[Any] | tuple[Any, ...]", value)]
    if entry.get("metadata") is not None:
        entry["metadata"] = _copy_metadata(entry["metadata"])
    return entry


def _copy_metadata(metadata: Any) -> Any:
    try:
        return deepcopy(metadata)
    except Exception:  # noqa: BLE001  # the user's objects; unless a middleware removes them, encoding names the error
        return {**cast("dict[Any, Any]", metadata)} if isinstance(metadata, dict) else metadata
