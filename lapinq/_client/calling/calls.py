"""What the client asks of lapinq, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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


Call = Enqueue | EnqueueBatch | ReadStatus | ReadProgress | ReadResult | ReadWhy | CancelTask
