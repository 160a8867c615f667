"""A call that a durable task enqueues by a step. A program that spawns nothing doesn't import this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.entries.middleware import apass_through, editable_copies, only_entry, pass_through

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lapinq._client.settings import QueueSettings
    from lapinq_core.domain.tasks.durable.messages import Enqueued
    from lapinq_core.domain.tasks.middleware import Entries


class Spawned:
    """`lapinq_core.domain.tasks.durable.calls.Spawning`. `complete` makes the request of an entry, `ref` a ref of the
    answer."""

    def __init__(
        self,
        name: str,
        queue: QueueSettings,
        entry: dict[str, Any],
        complete: Callable[[dict[str, Any]], Mapping[str, Any]],
        ref: Callable[..., Any],
    ) -> None:
        self.name = name
        self._queue = queue
        self._entry = entry
        self._complete = complete
        self._ref = ref

    def send(self, enqueue: Callable[[str], Enqueued]) -> Any:
        def pass_on(entries: Entries) -> Any:
            return self.read(enqueue(self._request(entries)), is_async=False)

        return pass_through(self._queue.middleware, self._entries(), pass_on)

    async def asend(self, enqueue: Callable[[str], Awaitable[Enqueued]]) -> Any:
        async def pass_on(entries: Entries) -> Any:
            return self.read(await enqueue(self._request(entries)), is_async=True)

        return await apass_through(self._queue.middleware, self._entries(), pass_on)

    def read(self, answer: Enqueued, *, is_async: bool) -> Any:
        return self._ref(Answer(answer.status, answer.body.encode()), is_async=is_async)

    def _entries(self) -> Entries:
        return editable_copies(self._queue, [self._entry])

    def _request(self, entries: Entries) -> str:
        return msgspec.json.encode(self._complete(only_entry(entries))).decode()
