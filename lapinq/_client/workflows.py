"""Enqueueing a workflow through the middleware of its queue: which calls it takes, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import not_lapinq, read_object, refusal
from lapinq._client.calling.calls import AddToWorkflow, CancelWorkflow, CloseWorkflow, EnqueueWorkflow
from lapinq._client.calling.repeating import adeliver, adeliver_all, deliver, deliver_all
from lapinq._client.entries.entry import encode_entry
from lapinq._client.entries.import_guard import check_not_imported
from lapinq.errors import RequestRefused
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.requests.workflows import MAX_EDGES, MAX_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.repeating import Calls
    from lapinq._client.calling.transport import Transport
    from lapinq._client.settings import QueueSettings
    from lapinq_core.domain.tasks.middleware import Entries


class NewGraph(msgspec.Struct, frozen=True):
    """A workflow to enqueue. Entries stand after those of their parents."""

    name: str
    metadata: msgspec.Raw | None
    entries: list[dict[str, Any]]


class Enqueued(msgspec.Struct, frozen=True):
    """A workflow that was enqueued, with the ids of its tasks by their refs."""

    workflow_id: str
    task_ids: dict[str, str]


def send_workflow(queue: QueueSettings, sender: Transport, graph: NewGraph, *, repeats: bool) -> Enqueued:
    """Raises like `send_batch`, and `RequestRefused`. Only a workflow of more than `MAX_TASKS` tasks, sent to a server
    that falls silent between its requests, is left behind, open and incomplete."""

    def send(entries: Entries) -> Enqueued:
        return deliver_all(sender, _calls(graph, entries, sender), queue, repeats=repeats)

    check_not_imported(what="a workflow")
    if not queue.middleware:
        return send(graph.entries)
    from lapinq._client.entries.middleware import editable_copies, pass_through

    return pass_through(queue.middleware, editable_copies(queue, graph.entries), send)


async def asend_workflow(
    queue: QueueSettings, sender: Transport, graph: NewGraph, *, repeats: bool
) -> Enqueued:
    """Like `send_workflow`, for coroutines."""

    async def send(entries: Entries) -> Enqueued:
        return await adeliver_all(sender, _calls(graph, entries, sender), queue, repeats=repeats)

    check_not_imported(what="a workflow")
    if not queue.middleware:
        return await send(graph.entries)
    from lapinq._client.entries.middleware import apass_through, editable_copies

    return await apass_through(queue.middleware, editable_copies(queue, graph.entries), send)


def send_task(queue: QueueSettings, sender: Transport, workflow_id: str, entry: dict[str, Any]) -> str:
    """Adds a task to a workflow. Returns its id. Raises like `Task.queue`."""

    def send(passed: Entries) -> str:
        call, ref = _addition(workflow_id, passed)
        return _body(deliver(sender, call, queue), "the task was not added")["task_ids"][ref]

    if not queue.middleware:
        return send([entry])
    from lapinq._client.entries.middleware import editable_copies, pass_through

    return pass_through(queue.middleware, editable_copies(queue, [entry]), send)


async def asend_task(queue: QueueSettings, sender: Transport, workflow_id: str, entry: dict[str, Any]) -> str:
    """Like `send_task`, for coroutines."""

    async def send(passed: Entries) -> str:
        call, ref = _addition(workflow_id, passed)
        return _body(await adeliver(sender, call, queue), "the task was not added")["task_ids"][ref]

    if not queue.middleware:
        return await send([entry])
    from lapinq._client.entries.middleware import apass_through, editable_copies

    return await apass_through(queue.middleware, editable_copies(queue, [entry]), send)


def _addition(workflow_id: str, entries: Entries) -> tuple[AddToWorkflow, str]:
    from lapinq._client.entries.middleware import only_entry

    entry = only_entry(entries)
    return AddToWorkflow(workflow_id, [encode_entry(entry)], new_id()), entry["ref"]


def _calls(graph: NewGraph, entries: Entries, sender: Transport) -> Calls[Enqueued]:
    """A workflow that is too large for one request is open until the last one has been answered."""
    tasks = [encode_entry(entry, f"{entry.get('ref')}: ") for entry in entries]
    first, *rest = parts = [tasks[part] for part in _parts(entries)]
    if sender.max_in_batch is not None:
        parts = [first]
    else:
        rest = []
    answer = yield EnqueueWorkflow(new_id(), graph.name, graph.metadata, parts, is_open=bool(rest))
    body = _body(answer)
    workflow_id: str = body["workflow_id"]
    task_ids: dict[str, str] = body["task_ids"]
    try:
        for part in rest:
            answer = yield AddToWorkflow(workflow_id, part, new_id())
            task_ids |= _body(answer)["task_ids"]
        if rest:
            _body((yield CloseWorkflow(workflow_id)))
    except RequestRefused:
        yield CancelWorkflow(workflow_id)
        raise
    return Enqueued(workflow_id, task_ids)


def _parts(entries: Entries) -> Iterator[slice]:
    """What one request takes each. At least one."""
    begin = edges = 0
    for number, entry in enumerate(entries):
        parents = len(entry.get("after", ()))
        if number - begin == MAX_TASKS or edges + parents > MAX_EDGES:
            yield slice(begin, number)
            begin, edges = number, 0
        edges += parents
    yield slice(begin, len(entries))


def _body(answer: Answer | None, what: str = "the workflow was not enqueued") -> dict[str, Any]:
    """Raises `RequestRefused`, which begins with `what`."""
    assert answer is not None
    error = refusal(answer, what)
    if error is not None:
        raise error
    body = read_object(answer)
    if not body:
        raise not_lapinq(answer)
    return body
