"""Enqueueing a batch through the middleware of its queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import EnqueueBatch
from lapinq._client.calling.repeating import adeliver, deliver
from lapinq._client.entries.entry import encode_entry, with_defaults
from lapinq._client.entries.idempotency_key import check_idempotency_key
from lapinq._client.entries.import_guard import check_not_imported
from lapinq._client.entries.placeholder import Placeholder
from lapinq._client.entries.result_reader import reader_of
from lapinq._client.entries.spool import Spool
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.requests.refusals import MAX_IN_BATCH, invalid_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lapinq._client.calling.transport import Transport
    from lapinq._client.entries.result_reader import Readers, ResultReader
    from lapinq._client.settings import QueueSettings

T = TypeVar("T")


def send_batch(
    queue: QueueSettings,
    sender: Transport,
    tasks: Iterable[Mapping[str, Any]],
    idempotency_key: str | None,
    read: Callable[[Answer, Readers], T],
    *,
    repeats: bool,
) -> T:
    """`sender` enqueues, and `read` makes of its answer and the readers of results what middleware and caller get.

    Raises TypeError or ValueError naming the entry and the value that cannot be sent, and `TaskNotImportable` while
    lapinq imports a module to find its tasks.
    """

    def send(entries: Iterable[Mapping[str, Any]]) -> T:
        encoded = _Encoded(queue, entries, sender.max_in_batch)
        try:
            answer = deliver(sender, _call(encoded, idempotency_key, repeats=repeats), queue, repeats=repeats)
        except _TooMany:
            answer = _refused(queue)
        return read(answer, encoded.readers)

    check_not_imported()
    check_idempotency_key(idempotency_key)
    _check_tasks(tasks)
    if not queue.middleware:
        return send(tasks)
    from lapinq._client.entries.middleware import editable_copies, pass_through

    return pass_through(queue.middleware, editable_copies(queue, tasks), send)


async def asend_batch(
    queue: QueueSettings,
    sender: Transport,
    tasks: Iterable[Mapping[str, Any]],
    idempotency_key: str | None,
    read: Callable[[Answer, Readers], T],
    *,
    repeats: bool,
) -> T:
    """Like `send_batch`, for coroutines."""

    async def send(entries: Iterable[Mapping[str, Any]]) -> T:
        encoded = _Encoded(queue, entries, sender.max_in_batch)
        try:
            call = _call(encoded, idempotency_key, repeats=repeats)
            answer = await adeliver(sender, call, queue, repeats=repeats)
        except _TooMany:
            answer = _refused(queue)
        return read(answer, encoded.readers)

    check_not_imported()
    check_idempotency_key(idempotency_key)
    _check_tasks(tasks)
    if not queue.middleware:
        return await send(tasks)
    from lapinq._client.entries.middleware import apass_through, editable_copies

    return await apass_through(queue.middleware, editable_copies(queue, tasks), send)


def _check_tasks(tasks: object) -> None:
    if isinstance(tasks, (Mapping, str, bytes, Placeholder)) or not isinstance(tasks, Iterable):
        raise TypeError(
            "batch_enqueue takes a list of entries, [task.entry(...), task.entry(...)], not"
            f" {type(cast('object', tasks)).__name__}"
        )


def _call(encoded: _Encoded, idempotency_key: str | None, *, repeats: bool) -> EnqueueBatch:
    if not repeats:
        return EnqueueBatch(encoded, idempotency_key)
    # Read in the caller's thread, where it may hold on to things of that thread.
    entries = encoded if encoded.is_repeatable else Spool(encoded)
    return EnqueueBatch(entries, new_id() if idempotency_key is None else idempotency_key)


def _refused(queue: QueueSettings) -> Answer:
    """What the server would answer, without the number of tasks: an iterator may go on for long."""
    body = invalid_value(InvalidValue("", f"must be a list of at most {MAX_IN_BATCH} tasks"))
    return Answer(400, msgspec.json.encode(body), url=queue.server_url)


class _TooMany(Exception):
    """The entries are more than the transport takes at once."""


class _Encoded:
    """The entries of `tasks`, encoded while they are read: at most `limit`, else `_TooMany` is raised.

    `readers` are those of the results of the entries that have been read.
    """

    def __init__(self, queue: QueueSettings, tasks: Iterable[Mapping[str, Any]], limit: int | None) -> None:
        self._queue = queue
        self._tasks = tasks
        self._limit = limit
        self.is_repeatable = isinstance(tasks, (list, tuple))  # an iterator is read once
        self.readers: list[ResultReader | None] = []

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        self.readers.clear()
        for number, entry in enumerate(self._tasks):
            if number == self._limit:
                raise _TooMany
            if not isinstance(entry, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
                raise TypeError(f"tasks[{number}] must come from task.entry(...), not be {entry!r}")
            self.readers.append(reader_of(entry))
            yield encode_entry(with_defaults(self._queue, entry), f"tasks[{number}].")
