"""Every verb that moves a task, and what goes along: where it stands then, its starts, its isolation and its place.

Each task begins with priority 7, a time to live, a webhook, two starts and a suspicion. Its neighbour was enqueued
after it, with the same priority.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Drop, Fail, Isolation, Next, Release, Retry
from lapinq_core.domain.tasks.shown_state import DELAYED as LATER
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs, rescuing
from tests.support.rows.factories import Conn, add_worker, claim, complete, counts, enqueue, make_late
from tests.support.rows.rescue import ANY_TIME, rescue_all
from tests.support.rows.walks import one_step

QUEUE = "video"
GIVEN: dict[str, Any] = {
    "queue_name": QUEUE,
    "priority": 7,
    "ttl_seconds": 86_400,
    "webhook_url": "https://x.org/",
}
HOUR = timedelta(hours=1)

READY, DELAYED, RUNNING = "ready", "delayed", "running"


class Task(NamedTuple):
    """What is moved; `held` is its claim, if it runs."""

    id: str
    worker: str
    held: Claim | None


Verb = Callable[[Conn, Task], Awaitable[object]]


def ends_in(following: Next) -> Verb:
    async def verb(conn: Conn, task: Task) -> None:
        assert task.held is not None
        await worker_verbs.settle(conn, [ended_as(task.id, task.held.token, following)])

    return verb


def of_many(change: bulk.Change, status: Status, **chosen: Any) -> Verb:
    return lambda conn, task: one_step(conn, change, status=status, first=task.id, last=task.id, **chosen)


async def is_claimed(conn: Conn, task: Task) -> None:
    await claim(conn, task.worker, 1, QUEUE)


async def is_asked_to_stop(conn: Conn, task: Task) -> None:
    assert await actions.request_cancel(conn, task.id)


async def is_completed(conn: Conn, task: Task) -> None:
    assert task.held is not None
    await complete(conn, [task.held])


async def is_released(conn: Conn, task: Task) -> None:
    assert task.held is not None
    await worker_verbs.release(conn, [task.held])


async def is_run_now(conn: Conn, task: Task) -> None:
    await actions.run_now(conn, task.id)


async def is_cancelled(conn: Conn, task: Task) -> None:
    await actions.cancel(conn, task.id)


async def is_requeued(conn: Conn, task: Task) -> None:
    await actions.requeue(conn, task.id, by="lisa")


async def is_due(conn: Conn, task: Task) -> None:
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 second'")
    await maintenance_jobs.promote(conn)


async def is_past_its_time(conn: Conn, task: Task) -> None:
    for table in ("lapinq_ready", "lapinq_delayed"):
        await conn.execute(
            f"UPDATE {table} SET expires_at = lapinq_now() - interval '1 second' WHERE id = '{task.id}'".encode()
        )
    await maintenance_jobs.expire(conn)


async def loses_its_worker(conn: Conn, task: Task) -> None:
    await make_late(conn, task.worker)
    await rescue_all(conn)


async def is_isolated(conn: Conn, task: Task) -> None:
    await conn.execute(f"UPDATE lapinq_running SET isolation = {MORE:d}".encode())


async def is_overdue(conn: Conn, task: Task) -> None:
    await conn.execute("UPDATE lapinq_running SET deadline_at = lapinq_now() - interval '1 second'")
    await rescuing.rescue(conn, ANY_TIME, 0.5)


def after(first: Verb, second: Verb) -> Verb:
    async def verb(conn: Conn, task: Task) -> None:
        await first(conn, task)
        await second(conn, task)

    return verb


class Move(NamedTuple):
    """From where, by which verb, to where. There: its starts and isolation, whether it stands before or behind its
    neighbour, and how many webhooks wait to be sent."""

    start: str
    verb: Verb
    end: str
    starts: int
    isolation: int | None = None
    place: Literal["before", "behind"] | None = None
    told: int = 0


FAILS = ends_in(Fail("no"))
NONE, SAME, MORE = Isolation.NONE, Isolation.SUSPECTED, Isolation.ISOLATED

# fmt: off
MOVES = {
    "claim": Move(READY, is_claimed, RUNNING, 3, SAME),
    "complete": Move(RUNNING, is_completed, "completed", 3, told=1),
    "fail": Move(RUNNING, FAILS, "failed", 3, told=1),
    "retry": Move(RUNNING, ends_in(Retry(0.0, "no")), READY, 3, SAME, "behind"),
    "retry later": Move(RUNNING, ends_in(Retry(60.0, "no")), DELAYED, 3, SAME),
    "retry alone": Move(RUNNING, ends_in(Retry(0.0, "died", isolation=MORE)), READY, 3, MORE, "behind"),
    "retry alone later": Move(RUNNING, ends_in(Retry(60.0, "died", isolation=MORE)), DELAYED, 3, MORE),
    "retry of one isolated": Move(
        RUNNING, after(is_isolated, ends_in(Retry(0.0, "died", isolation=SAME))), READY, 3, MORE, "behind"
    ),
    "release after a stop": Move(RUNNING, ends_in(Release("stopped")), READY, 2, SAME, "behind"),
    "snooze": Move(RUNNING, ends_in(Release("snoozed", 60.0)), DELAYED, 2, SAME),
    "release of one not begun": Move(RUNNING, is_released, READY, 2, SAME, "before"),
    "drop": Move(RUNNING, ends_in(Drop("asked")), "cancelled", 3),
    "retry of one asked to stop": Move(RUNNING, after(is_asked_to_stop, ends_in(Retry(0.0, "no"))), "cancelled", 3),
    "release of one asked to stop": Move(RUNNING, after(is_asked_to_stop, is_released), "cancelled", 2),
    "rescue": Move(RUNNING, loses_its_worker, READY, 3, MORE, "behind"),
    "rescue of one overdue": Move(RUNNING, is_overdue, DELAYED, 3, SAME),
    "promote": Move(DELAYED, is_due, READY, 2, SAME, "behind"),
    "run now": Move(DELAYED, is_run_now, READY, 2, SAME, "behind"),
    "run many": Move(DELAYED, of_many(bulk.run_tasks, Status.PENDING, states=LATER), READY, 2, SAME, "behind"),
    "cancel": Move(READY, is_cancelled, "cancelled", 2),
    "cancel delayed": Move(DELAYED, is_cancelled, "cancelled", 2),
    "cancel many": Move(READY, of_many(bulk.cancel_tasks, Status.PENDING), "cancelled", 2),
    "cancel many delayed": Move(DELAYED, of_many(bulk.cancel_tasks, Status.PENDING), "cancelled", 2),
    "expire": Move(READY, is_past_its_time, "expired", 2),
    "expire delayed": Move(DELAYED, is_past_its_time, "expired", 2),
    # It gets all its retries again, and is no longer suspected.
    "requeue": Move(RUNNING, after(FAILS, is_requeued), READY, 0, NONE, "behind", told=1),
    "requeue many": Move(
        RUNNING, after(FAILS, of_many(bulk.requeue_tasks, Status.FAILED)), READY, 0, NONE, "behind", told=1
    ),
}
# fmt: on


async def made_in(conn: Conn, start: str) -> Task:
    later: dict[str, Any] = {"scheduled_at": datetime.now(UTC) + HOUR} if start == DELAYED else {}
    (task_id,) = await enqueue(conn, **GIVEN, **later)
    await enqueue(conn, **GIVEN)
    table = "lapinq_delayed" if start == DELAYED else "lapinq_ready"
    await conn.execute(f"UPDATE {table} SET starts = 2, isolation = {SAME:d} WHERE id = '{task_id}'".encode())
    worker = await add_worker(conn)
    held = (await claim(conn, worker, 1, QUEUE))[0] if start == RUNNING else None
    assert held is None or held.id == task_id
    return Task(task_id, worker, held)


async def one(conn: Conn, query: str, task_id: str) -> Any:
    return await maybe_row(conn, query.encode(), {"id": task_id})


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
async def test_a_move_takes_along_what_belongs_to_the_task(shared_database: str, move: Move) -> None:
    async with await Conn.open(shared_database) as conn, conn.transaction(force_rollback=True):
        await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        task = await made_in(conn, move.start)
        await move.verb(conn, task)
        stands = await one(
            conn,
            "SELECT place, starts, isolation FROM ("
            " SELECT id, 'ready' AS place, starts, isolation, queue_name, rank, expires_at FROM lapinq_ready"
            " UNION ALL SELECT id, 'delayed', starts, isolation, queue_name, rank, expires_at FROM lapinq_delayed"
            " UNION ALL SELECT id, 'running', attempt, isolation, queue_name, rank, expires_at FROM lapinq_running"
            "  WHERE has_webhook"
            ") p JOIN lapinq_tasks t USING (id) WHERE id = %(id)s AND p.queue_name = t.queue_name"
            " AND p.rank = -t.priority AND p.expires_at = t.expires_at"
            " UNION ALL SELECT outcome, attempt, NULL FROM lapinq_attempts WHERE task_id = %(id)s AND final",
            task.id,
        )
        assert stands == (move.end, move.starts, move.isolation)
        is_first = await one(
            conn,
            "SELECT (SELECT seq FROM lapinq_ready WHERE id = %(id)s) < seq FROM lapinq_ready WHERE id <> %(id)s",
            task.id,
        )
        assert is_first == ({"before": True, "behind": False, None: None}[move.place],)
        status = {READY: "pending", DELAYED: "pending"}.get(move.end, move.end)
        assert await counts(conn, QUEUE) == Counter([status, "pending"])
        told = await one(conn, "SELECT count(*) FROM lapinq_webhooks WHERE task_id = %(id)s", task.id)
        assert told == (move.told,)
