"""Unique keys of new tasks: which of them are stored, replace a waiting one, or give way. No I/O.

The database decides, in the transaction that stores them (`lapinq_meet_unique_keys`). Here is what it is asked, and
what its answer means.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.requests.refusals import unique_key_held
from lapinq_core.domain.tasks.task import NewTask


class Met(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which tasks of a request were not stored because another had their key: numbers, from 0.

    Those in `replaced` are in `existing`, too: the other task got their arguments and options.
    """

    existing: list[int] = []
    replaced: list[int] = []


class Choice(msgspec.Struct, frozen=True):
    """What becomes of a request: the tasks to store, the ids for its answer, and those of others that it met."""

    tasks: list[NewTask]
    ids: list[str | None]
    met: Met


class UniqueConflict(LapinqError):
    """Another task has the unique key.

    `number` is that of the task in the request, `loc` the place of its key, and `ref` its ref in a workflow.
    """

    def __init__(
        self, task_id: str = "", number: int = 0, loc: str = "unique.key", ref: str | None = None
    ) -> None:
        super().__init__(unique_key_held(task_id, ref))
        self.task_id = task_id
        self.number = number
        self.loc = loc
        self.ref = ref

    def in_batch(self, batch: str = "", ref: str | None = None) -> "UniqueConflict":
        """The same, of a task in the list `batch`; empty: the whole request is that list."""
        return UniqueConflict(self.task_id, self.number, f"{batch}[{self.number}].{self.loc}", ref)


def keys_of(tasks: Sequence[NewTask]) -> set[tuple[str, str]]:
    """Their queues and unique keys."""
    return {(task.queue_name, key) for task in tasks if (key := task.unique_key) is not None}


def have_unique_keys(tasks: Sequence[NewTask]) -> bool:
    return any(task.unique is not None or task.debounce is not None for task in tasks)


def choice(tasks: Sequence[NewTask], answer: str) -> Choice:
    """What the answer of the database says. Raises `UniqueConflict` if nothing is to be stored."""
    kept: list[NewTask | None] = [*tasks]
    ids = [None if task.is_transient else task.id for task in tasks]
    place = {task.id: number for number, task in enumerate(tasks)}
    existing: list[int] = []
    replaced: list[int] = []
    for number, outcome, task_id, due_at in _answers.decode(answer):
        if outcome == "rejected":
            raise UniqueConflict(task_id, number)
        task = tasks[number]
        if outcome == "stored":
            task.scheduled_at = task.scheduled_at if due_at is None else due_at
            continue
        kept[number] = None
        ids[number] = task_id
        existing.append(number)
        if outcome == "replaced":
            replaced.append(number)
            if task_id in place:  # of this request: it keeps its id, key and line in the answer
                first = tasks[place[task_id]]
                kept[place[task_id]] = msgspec.structs.replace(
                    task,
                    id=task_id,
                    scheduled_at=task.scheduled_at if due_at is None else due_at,
                    unique=first.unique,
                    debounce=first.debounce,
                )
    return Choice([task for task in kept if task is not None], ids, Met(existing, replaced))


def read_met(stored: str | None) -> Met:
    """`Met` as an idempotency key keeps it."""
    return Met() if stored is None else msgspec.json.decode(stored, type=Met)


_Outcome = Literal["stored", "existing", "replaced", "rejected"]
_answers = msgspec.json.Decoder(list[tuple[int, _Outcome, str, datetime | None]])
