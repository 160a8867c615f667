"""Why a task does not run: each reason, and which of several is told."""

from typing import Any, TypeVar

import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.state import FINAL
from lapinq_core.fleet import workers
from lapinq_core.lookup.search.backward_scan import SHOWING_SECONDS, set_limit
from lapinq_core.lookup.why.line import AHEAD_SECONDS, MAX_AHEAD, Ahead
from lapinq_core.lookup.why.why_not_running import (
    AllBusy,
    AllQuiet,
    CancelRequested,
    CannotImport,
    Expiring,
    InLine,
    Isolated,
    NotDue,
    NoWorker,
    QueuePaused,
    WorkerDead,
    WorkerLate,
    find_reason,
)
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import crowd
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, make_late, pause, resume

IMPORT_ERROR = "TaskNotFound: no module 'app'; searched: /srv"


T = TypeVar("T")


async def because(conn: Conn, task_id: str, kind: type[T]) -> T:
    """The reason, which is one of `kind`."""
    reason = await find_reason(conn, task_id)
    assert isinstance(reason, kind), reason
    return reason


async def fail_once(conn: Conn, error: str, delay: float = 60.0, **values: Any) -> str:
    """The id of a task whose first attempt ended in `error`, to be tried again in `delay` seconds."""
    worker = await add_worker(conn)
    (task_id,) = await enqueue(conn, **values)
    (held,) = await claim(conn, worker, queue=values.get("queue_name", "default"))
    await worker_verbs.settle(conn, [Ended(held.id, held.token, False, True, delay, error)])
    await workers.deregister(conn, worker)
    return task_id


async def be_due(conn: Conn, task_id: str) -> None:
    """Its time has come."""
    await conn.execute(
        "WITH gone AS (DELETE FROM lapinq_delayed WHERE id = %s RETURNING *)"
        " INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation)"
        " SELECT queue_name, rank, id, starts, expires_at, isolation FROM gone",
        (task_id,),
    )


async def test_each_reason_gives_way_to_the_next(database: str, conn: Conn) -> None:
    """All that can hold up a task does so at once, and is mended in the order in which it is told."""
    task_id = await fail_once(conn, IMPORT_ERROR)
    await conn.execute("UPDATE lapinq_delayed SET expires_at = now() + '1 s', isolation = 3")
    await pause(conn, "default")
    reason = await because(conn, task_id, Expiring)
    assert reason.due_at is not None
    assert reason.expires_at < reason.due_at

    await conn.execute("UPDATE lapinq_delayed SET expires_at = NULL")
    reason = await because(conn, task_id, CannotImport)
    assert (reason.module, reason.last_error) == ("tests.support.sample.tasks", IMPORT_ERROR)
    assert reason.due_at is not None

    await conn.execute("UPDATE lapinq_attempts SET error = 'ValueError: no'")
    reason = await because(conn, task_id, NotDue)
    assert (reason.is_retry, reason.last_error) == (True, "ValueError: no")

    await conn.execute("UPDATE lapinq_attempts SET error = %s", (IMPORT_ERROR,))
    await be_due(conn, task_id)
    await conn.execute("UPDATE lapinq_queues SET paused_by = 'lisa', pause_reason = 'new release'")
    reason = await because(conn, task_id, QueuePaused)
    assert (reason.by, reason.reason) == ("lisa", "new release")

    await resume(conn, "default")
    assert await find_reason(conn, task_id) == NoWorker("default")

    for queues in (None, ["default"]):
        worker = await add_worker(conn, queues=queues, concurrency=2)
        await conn.execute("UPDATE lapinq_workers SET is_quiet = true WHERE id = %s", (worker,))
    assert await find_reason(conn, task_id) == AllQuiet("default", 2)

    await conn.execute("UPDATE lapinq_workers SET is_quiet = false WHERE id = %s", (worker,))
    assert await find_reason(conn, task_id) == CannotImport("tests.support.sample.tasks", IMPORT_ERROR, None)

    await conn.execute("UPDATE lapinq_attempts SET error = 'ValueError: no'")
    await enqueue(conn, 2, queue_name="elsewhere")
    busy = await claim(conn, worker, 2, "elsewhere")
    (before,) = await enqueue(conn, priority=1)
    assert await find_reason(conn, task_id) == AllBusy(2, 2, Ahead(1))
    await conn.execute("UPDATE lapinq_workers SET running = 1 WHERE id = %s", (worker,))
    assert await find_reason(conn, task_id) == Isolated(Isolation.ISOLATED, Ahead(1))
    await conn.execute("UPDATE lapinq_workers SET running = NULL")
    await worker_verbs.release(conn, busy[:1])
    assert await find_reason(conn, task_id) == Isolated(Isolation.ISOLATED, Ahead(1))

    await conn.execute("UPDATE lapinq_ready SET isolation = 2")
    assert await find_reason(conn, task_id) == Isolated(Isolation.ISOLATED, Ahead(1))

    await conn.execute("UPDATE lapinq_ready SET isolation = 1")
    assert await find_reason(conn, task_id) == InLine(Ahead(1))
    assert await actions.cancel(conn, before)
    assert await find_reason(conn, task_id) == InLine(Ahead(0))


async def test_a_task_past_its_time_to_live_never_starts(database: str, conn: Conn) -> None:
    (task_id,) = await enqueue(conn, ttl_seconds=0.001)
    reason = await because(conn, task_id, Expiring)
    assert reason.due_at is None
    (task_id,) = await enqueue(conn, ttl_seconds=3600)
    assert await find_reason(conn, task_id) == NoWorker("default")


async def test_workers_that_do_not_count(database: str, conn: Conn) -> None:
    (task_id,) = await enqueue(conn)
    for queues in (["other"], list[str]()):
        await add_worker(conn, queues=queues)
    await make_late(conn, await add_worker(conn))
    dead = await add_worker(conn)
    await conn.execute("UPDATE lapinq_workers SET dead_at = now() WHERE id = %s", (dead,))
    assert await find_reason(conn, task_id) == NoWorker("default")
    await add_worker(conn, queues=["other", "default"])
    assert await find_reason(conn, task_id) == InLine(Ahead(0))


async def test_errors_of_importing_are_known_by_how_they_are_worded(database: str, conn: Conn) -> None:
    for error, reason in {
        IMPORT_ERROR: CannotImport,
        "ModuleNotFoundError: No module named 'x'": CannotImport,
        "ImportError": CannotImport,
        "ValueError: ImportError: x": NotDue,
        "ImportErrors: x": NotDue,
    }.items():
        assert isinstance(await find_reason(conn, await fail_once(conn, error)), reason), error


async def test_what_was_before_a_requeue_or_a_snooze_does_not_count(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    (task_id,) = await enqueue(conn)
    (held,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [Ended(held.id, held.token, True, True, 0, IMPORT_ERROR)])
    assert await actions.requeue(conn, task_id, by="lisa")
    assert await find_reason(conn, task_id) == InLine(Ahead(0))
    (held,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [Ended(held.id, held.token, False, False, 60, "snoozed for 60 s")])
    reason = await because(conn, task_id, NotDue)
    assert (reason.is_retry, reason.last_error) == (False, "snoozed for 60 s")


async def test_what_is_ahead_is_counted_up_to_a_cap(database: str, conn: Conn) -> None:
    await add_worker(conn)
    await crowd(conn, "default", MAX_AHEAD)
    made = await enqueue(conn, 2)
    await crowd(conn, "default", 10)
    await conn.execute("ANALYZE lapinq_ready")
    for task_id, is_capped in zip(made, (False, True), strict=True):
        reason = await find_reason(conn, task_id)
        assert isinstance(reason, InLine)
        # None is what a busy machine has no time for.
        assert reason.ahead in (Ahead(MAX_AHEAD, is_capped), Ahead(None))


async def test_the_short_time_for_counting_is_not_for_the_end_of_its_transaction(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that is cancelled leaves the transaction open, and all that follows fails."""
    limits: list[float] = []

    async def noted(conn: Conn, seconds: float) -> None:
        limits.append(seconds)
        await set_limit(conn, seconds)

    monkeypatch.setattr("lapinq_core.lookup.why.line.set_limit", noted)

    await add_worker(conn)
    (task_id,) = await enqueue(conn)
    assert await find_reason(conn, task_id) == InLine(Ahead(0))
    assert limits == [AHEAD_SECONDS, SHOWING_SECONDS]


async def test_a_running_task_tells_of_its_worker_and_what_it_was_asked(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    (task_id,) = await enqueue(conn)
    await claim(conn, worker)
    assert await find_reason(conn, task_id) is None
    assert await actions.request_cancel(conn, task_id)
    await because(conn, task_id, CancelRequested)
    await conn.execute("UPDATE lapinq_workers SET beat_at = now() - '20 s'::interval")
    reason = await because(conn, task_id, WorkerLate)
    assert (reason.worker_id, reason.name) == (worker, "tester")
    assert (reason.dead_after - reason.beat_at).total_seconds() == 30
    await conn.execute("UPDATE lapinq_workers SET dead_at = now()")
    reason = await because(conn, task_id, WorkerDead)
    assert (reason.worker_id, reason.name) == (worker, "tester")
    await conn.execute("DELETE FROM lapinq_workers")
    assert await find_reason(conn, task_id) == WorkerDead(worker, None, None)
    made = await one_of_each(conn)
    for ended in (*(made[status] for status in FINAL), new_id()):
        assert await find_reason(conn, ended) is None
