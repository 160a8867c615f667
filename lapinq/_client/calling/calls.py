"""What the client asks of lapinq, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Enqueue(msgspec.Struct, frozen=True):
    """`entry` has the fields of a task by their names in the API. Each value is JSON already, or any
    encoder takes it (`encode_entry`).

    `task_id` is the id to store the task under, by which a repeated call is recognized. It replaces the key.
    """

    entry: Mapping[str, Any]
    idempotency_key: str | None = None
    task_id: str | None = None


class EnqueueBatch(msgspec.Struct, frozen=True):
    """All entries or none."""

    entries: Iterable[Mapping[str, Any]]
    idempotency_key: str | None = None


class EnqueueWorkflow(msgspec.Struct, frozen=True):
    """A graph of tasks: all of them or none.

    A task has the fields of an entry, `ref`, `after` and `after_failure`, and stands after its parents. A part has as
    many as one request takes; over HTTP there is one part. The workflow is stored under `workflow_id`, or, where the
    server chooses the id, a repeated call is recognized by it. One that `is_open` does not end before it is closed.
    """

    workflow_id: str
    name: str
    metadata: msgspec.Raw | None
    parts: Sequence[Sequence[Mapping[str, Any]]]
    is_open: bool = False


class AddToWorkflow(msgspec.Struct, frozen=True):
    """`key` recognizes a repeated call."""

    workflow_id: str
    tasks: Sequence[Mapping[str, Any]]
    key: str


class CloseWorkflow(msgspec.Struct, frozen=True):
    workflow_id: str


class ReadWorkflow(msgspec.Struct, frozen=True):
    """With a page of its `tasks`, the one that begins at `cursor`, or without any. The header `x-next-cursor` of the
    answer is the cursor of the next page."""

    workflow_id: str
    tasks: bool = False
    cursor: str | None = None


class CancelWorkflow(msgspec.Struct, frozen=True):
    workflow_id: str


class RetryWorkflow(msgspec.Struct, frozen=True):
    workflow_id: str


class ReadStatus(msgspec.Struct, frozen=True):
    task_id: str


class ReadProgress(msgspec.Struct, frozen=True):
    task_id: str


class ReadResult(msgspec.Struct, frozen=True):
    """`wait` is how many seconds the answer may wait for the task to end. It may come earlier."""

    task_id: str
    wait: float = 0.0


class ReadWhy(msgspec.Struct, frozen=True):
    """Why the task is not running, or how it ended."""

    task_id: str


class CancelTask(msgspec.Struct, frozen=True):
    """`running`: also ask a task to stop that runs already."""

    task_id: str
    running: bool = False


class ReadSteps(msgspec.Struct, frozen=True):
    """A page of the steps and waits of a task: the one after that whose answer had this cursor."""

    task_id: str
    cursor: str | None = None


class SendSignal(msgspec.Struct, frozen=True):
    """`value` is JSON. `key` recognizes a repeated call."""

    task_id: str
    name: str
    value: bytes
    key: str


Storing = Enqueue | EnqueueBatch | EnqueueWorkflow
OfTask = ReadStatus | ReadProgress | ReadResult | ReadWhy | CancelTask
OfWorkflow = AddToWorkflow | CloseWorkflow | ReadWorkflow | CancelWorkflow | RetryWorkflow
OfDurable = ReadSteps | SendSignal
Call = Storing | OfTask | OfWorkflow | OfDurable
