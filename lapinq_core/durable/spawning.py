"""Enqueues the tasks that running attempts spawn, each in the commit of its step.

Their ids are UUIDv8, as those of tasks in workflows: by that the database tells who waits for them.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.arrays import text_array
from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.requests.enqueue import TaskReader
from lapinq_core.domain.requests.refusals import ErrorBody, invalid_value, unique_conflict
from lapinq_core.domain.tasks.durable.messages import Answer, Enqueued, Lost, Spawn, Store
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.durable.steps import Held, claims_of, store
from lapinq_core.intake import limit_check
from lapinq_core.intake.enqueueing import Taken, take_in
from lapinq_core.intake.idempotency import UniqueKeyBusy, take_unique_keys
from lapinq_core.intake.unique_keys import UniqueConflict, have_unique_keys

sql = sql_of(__name__)


async def spawn(
    conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Spawn]], allowed: Sequence[str]
) -> tuple[list[Answer], Taken]:
    """Stores the tasks, and their ids as results of the steps. Returns the answers, and what to announce.

    `allowed` are patterns of modules, as in `LAPINQ_ALLOWED_MODULES`. `conn` is in autocommit mode.
    """
    answers: list[Answer] = [Lost()] * len(asked)
    reader = TaskReader(allowed)
    taken = Taken()
    tasks: list[NewTask] = []
    stored: list[tuple[Held, Store]] = []
    async with conn.transaction():
        found = {number: earlier for number, *earlier in await _find(conn, asked)}
        ids = new_ids(len(asked), version=8)
        for number, ((claim, one), task_id) in enumerate(zip(asked, ids, strict=True)):
            if number + 1 not in found:
                continue
            kind, result = found[number + 1]
            if kind is not None:  # stored by the same claim, whose answer was lost
                answers[number] = _accepted(result)
                continue
            try:
                task = reader.read(one.request.encode(), task_id)
                if task.is_transient:
                    raise InvalidValue(
                        "ttl_seconds", "must be more than 0: a fire-and-forget task has no id to store"
                    )
                limit_check.check([task], await limit_check.find_bursts(conn, [task]) if task.limits else {})
                task_id, kept, queues = await _meet(conn, task)
            except InvalidValue as error:
                answers[number] = _refused(400, invalid_value(error))
            except UniqueConflict as error:
                answers[number] = _refused(409, unique_conflict(error.task_id, error.loc))
            except UniqueKeyBusy as error:
                answers[number] = _refused(409, ErrorBody(str(error)))
            else:
                tasks += kept
                taken.queues.update(queues)
                text = msgspec.json.encode(task_id).decode()
                stored.append((claim, Store(one.name, one.occurrence, "spawn", text, 0.0, one.version)))
                answers[number] = _accepted(text)
        if tasks:
            new = await take_in(conn, tasks)
            taken = Taken(taken.queues | new.queues, new.due_in)
        if stored:
            await store(conn, stored)
    return answers, taken


async def _find(
    conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Spawn]]
) -> list[tuple[int, str | None, str | None]]:
    params = {
        **claims_of([claim for claim, _ in asked]),
        "names": text_array([one.name for _, one in asked]),
        "occurrences": [one.occurrence for _, one in asked],
    }
    return await all_rows(conn, sql("find_spawned"), params, prepare=True)


async def _meet(conn: psycopg.AsyncConnection, task: NewTask) -> tuple[str, list[NewTask], set[str]]:
    """The id for the answer, what is to be stored, and the queue in which the task replaced another."""
    if not have_unique_keys([task]):
        return task.id, [task], set()
    async with conn.transaction():
        chosen = await take_unique_keys(conn, [task])
    [task_id] = chosen.ids
    assert task_id is not None
    return task_id, chosen.tasks, {task.queue_name} if chosen.met.replaced else set()


def _accepted(task_id: str | None) -> Enqueued:
    return Enqueued(201, f'{{"task_id":{task_id}}}')


def _refused(status: int, body: ErrorBody) -> Enqueued:
    return Enqueued(status, msgspec.json.encode(body).decode())
