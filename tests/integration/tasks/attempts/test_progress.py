"""How far attempts have come, what they said, and the history they leave."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import pytest

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Release, Retry
from lapinq_core.tasks import actions, inspect, worker_verbs
from lapinq_core.tasks.actions import ProgressNoted
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    attempts,
    claim,
    complete,
    enqueue,
    make_late,
)
from tests.support.rows.rescue import rescue_all

FIELDS = [
    "attempt", "outcome", "result", "error", "traceback", "logs", "progress", "progress_message", "run_seconds",
    "started_at", "finished_at", "worker_id", "final", "requeued_at", "requeued_by",
    "has_profile",
    "left_out",
]  # fmt: skip


async def progress(conn: Conn, task_id: str) -> tuple[int | None, str | None]:
    row = await one_row(
        conn, "SELECT progress, progress_message FROM lapinq_task_details WHERE id = %s", (task_id,)
    )
    return row[0], row[1]


async def test_an_attempt_reports_its_own_progress_and_no_others(conn: Conn) -> None:
    assert await worker_verbs.report_progress(conn, []) == set()
    ids = await enqueue(conn, 3)
    claims = await claim(conn, await add_worker(conn), 3)
    reports = [
        (ids[0], claims[0].token, 10, None),
        (ids[1], claims[1].token, 20, "zwanzig, 'quoted' {and} \\ \"so\""),
        (ids[2], new_id(), 30, "a stranger's"),
    ]
    assert await worker_verbs.report_progress(conn, reports) == set(ids[:2])
    assert await progress(conn, ids[0]) == (10, None)
    assert await progress(conn, ids[1]) == (20, reports[1][3])
    assert await progress(conn, ids[2]) == (None, None)
    assert await worker_verbs.report_progress(conn, [(ids[0], claims[0].token, 0, "anew")]) == {ids[0]}
    assert await progress(conn, ids[0]) == (0, "anew")


async def test_a_stale_report_does_not_reach_the_later_claim(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    (old,) = await claim(conn, worker)
    await worker_verbs.report_progress(conn, [(task, old.token, 90, "nearly")])
    await worker_verbs.settle(conn, [ended_as(task, old.token, Retry(0.0, "again"))])
    assert await worker_verbs.report_progress(conn, [(task, old.token, 95, None)]) == set()
    (new,) = await claim(conn, worker)
    assert await worker_verbs.report_progress(conn, [(task, old.token, 95, None)]) == set()
    assert await progress(conn, task) == (None, None)
    # Both in one batch, as when a worker gets back what it was taken for dead with.
    both = sorted([(task, old.token, 99, None), (task, new.token, 5, None)])
    assert await worker_verbs.report_progress(conn, both) == {task}
    assert await progress(conn, task) == (5, None)


async def test_progress_can_be_told_from_outside_for_a_claim_or_for_any(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    assert await actions.set_progress(conn, new_id(), 5, None) is ProgressNoted.UNKNOWN
    assert await actions.set_progress(conn, task, 5, None) is ProgressNoted.NOT_RUNNING
    assert await actions.set_progress(conn, task, 5, None, 1) is ProgressNoted.NOT_RUNNING
    (old,) = await claim(conn, worker)
    for percent in (-1, 101):
        with pytest.raises(psycopg.errors.CheckViolation):
            async with conn.transaction():
                await actions.set_progress(conn, task, percent, None)
    assert await actions.set_progress(conn, task, 5, "first") is ProgressNoted.NOTED
    assert await progress(conn, task) == (5, "first")
    assert await actions.set_progress(conn, task, 100, None, old.claim_seq) is ProgressNoted.NOTED
    assert await progress(conn, task) == (100, None)

    await worker_verbs.settle(conn, [ended_as(task, old.token, Retry(0.0, "again"))])
    (new,) = await claim(conn, worker)
    assert await actions.set_progress(conn, task, 7, None, old.claim_seq) is ProgressNoted.OTHER_CLAIM
    assert await progress(conn, task) == (None, None)
    assert await actions.set_progress(conn, task, 8, None, new.claim_seq) is ProgressNoted.NOTED
    await complete(conn, [new])
    assert await actions.set_progress(conn, task, 9, None, new.claim_seq) is ProgressNoted.NOT_RUNNING
    assert await progress(conn, task) == (8, None), "what it had come to stays with the attempt"


class Interrupted(psycopg.AsyncConnection):
    """A connection on which something happens before each try to note progress, and before each look at who runs it."""

    before_try: Callable[[], Awaitable[object]]
    before_look: Callable[[], Awaitable[object]]
    looks = 0

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        if query == sql("lapinq_core.tasks", "running_claim"):
            self.looks += 1
            await self.before_look()
        else:
            await self.before_try()
        return await super().execute(query, *args, **kwargs)


async def test_a_start_between_its_two_statements_is_no_other_claim_and_is_not_looked_at_for_ever(
    database: str, conn: Conn
) -> None:
    (task,) = await enqueue(conn, max_retries=9)
    worker = await add_worker(conn)
    held: list[str] = []

    async def start() -> None:
        held[:] = [(await claim(conn, worker))[0].token]

    async def end() -> None:
        while held:
            await worker_verbs.settle(conn, [ended_as(task, held.pop(), Retry(0.0, "again"))])

    async with await Interrupted.connect(database, autocommit=True) as interrupted:
        interrupted.before_try, interrupted.before_look = lambda: asyncio.sleep(0), start
        assert await actions.set_progress(interrupted, task, 5, "at last") is ProgressNoted.NOTED
        assert await progress(conn, task) == (5, "at last")
        await end()
        interrupted.before_try, interrupted.looks = end, 0
        assert await actions.set_progress(interrupted, task, 5, None) is ProgressNoted.NOT_RUNNING
        assert 1 < interrupted.looks < 10


async def test_the_history_has_every_attempt_with_what_it_said(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    assert await attempts(conn, task) == []
    assert await inspect.get_attempts(conn, new_id()) is None

    (held,) = await claim(conn, worker)
    await worker_verbs.report_progress(conn, [(task, held.token, 40, "at forty")])
    failed = ended_as(task, held.token, Retry(0.0, "ValueError: no", "Traceback …"), 0.25)
    await worker_verbs.settle(conn, [msgspec.structs.replace(failed, logs="one\ntwo")])

    (held,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(task, held.token, Release("stopping"), 0.5)])

    (held,) = await claim(conn, worker)
    await worker_verbs.report_progress(conn, [(task, held.token, 60, None)])
    shown = await attempts(conn, task)
    assert [each["outcome"] for each in shown] == ["failed", "released", "running"]
    assert shown[2]["progress"] == 60
    assert (shown[2]["finished_at"], shown[2]["final"], shown[2]["worker_id"]) == (None, False, worker)
    assert await worker_verbs.complete(conn, [task], [held.token], ['"done"'], [0.75], ["three"]) == 1

    shown = await attempts(conn, task)
    assert all(list(each) == FIELDS for each in shown)
    for field, values in {
        "attempt": [1, 2, 2],
        "outcome": ["failed", "released", "completed"],
        "final": [False, False, True],
        "logs": ["one\ntwo", None, "three"],
        "error": ["ValueError: no", "stopping", None],
        "traceback": ["Traceback …", None, None],
        "result": [None, None, '"done"'],
        "progress": [40, None, 60],
        "progress_message": ["at forty", None, None],
        "run_seconds": [0.25, 0.5, 0.75],
    }.items():
        assert [each[field] for each in shown] == values, field
    for each in shown:
        assert datetime.fromisoformat(each["started_at"]) <= datetime.fromisoformat(each["finished_at"])
        assert each["started_at"].endswith("+00:00")


async def test_logs_may_be_those_of_some_only(conn: Conn) -> None:
    ids = await enqueue(conn, 4)
    claims = await claim(conn, await add_worker(conn), 4)
    tokens = [held.token for held in claims]
    results = ["1", "2", "3", "4"]
    logs = [None, "of the second\n{}\"'\\"]
    assert await worker_verbs.complete(conn, ids, tokens, results, [0.1] * 4, logs) == 4
    assert [(await attempts(conn, task))[0]["logs"] for task in ids] == [None, logs[1], None, None]
    assert [(await attempts(conn, task))[0]["result"] for task in ids] == results


async def test_what_a_lost_worker_had_come_to_is_kept(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    (held,) = await claim(conn, worker)
    await worker_verbs.report_progress(conn, [(task, held.token, 40, "at forty")])
    await make_late(conn, worker)
    await rescue_all(conn)
    (shown,) = await attempts(conn, task)
    assert (shown["outcome"], shown["progress"], shown["progress_message"]) == ("failed", 40, "at forty")
    assert await progress(conn, task) == (None, None), "the next attempt starts without progress"


async def test_a_task_without_a_start_has_its_end_alone(conn: Conn) -> None:
    (cancelled,) = await enqueue(conn)
    (expired,) = await enqueue(conn, ttl_seconds=100)
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE id = %s", (expired,))
    await maintenance_jobs.expire(conn)
    await actions.cancel(conn, cancelled)
    for task, outcome in ((cancelled, "cancelled"), (expired, "expired")):
        (shown,) = await attempts(conn, task)
        assert (shown["outcome"], shown["attempt"], shown["started_at"]) == (outcome, 0, None)
        assert (shown["worker_id"], shown["logs"], shown["final"]) == (None, None, True)


async def test_of_a_task_with_very_many_attempts_the_latest_are_shown(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    await conn.execute(
        "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)"
        " SELECT %s, 1, false, 'failed', n::text, lapinq_now() - n * interval '1 s'"
        " FROM generate_series(1, 1000) n",
        (task,),
    )
    await claim(conn, await add_worker(conn))
    shown = await attempts(conn, task)
    assert len(shown) == inspect.MAX_ATTEMPTS + 1
    assert [each["error"] for each in shown[-3:]] == ["2", "1", None]
    assert shown[-1]["outcome"] == "running"


async def report_progress(conn: Conn, claims: list[Claim]) -> object:
    return await worker_verbs.report_progress(conn, [(held.id, held.token, 5, None) for held in claims])


async def report_logs(conn: Conn, claims: list[Claim]) -> object:
    return await worker_verbs.report_logs(conn, [(held.id, held.token, "a line") for held in claims])


async def test_whoever_writes_to_several_attempts_locks_them_in_the_order_of_their_ids(
    connections: Connections,
) -> None:
    first, writer, looking = await connections(3)
    worker = await add_worker(first)
    ids = await enqueue(first, 20)
    await first.execute("UPDATE lapinq_ready SET rank = -seq")
    taken = [held for _ in ids for held in await claim(first, worker)]
    # By statistics, which a pool's connections plan by, the table is quickest read as it lies: the last id first.
    await first.execute("ANALYZE lapinq_running")
    assert [held.id for held in taken] == ids[::-1]
    writes = (report_progress, report_logs, worker_verbs.release)
    for write, last, lowest in zip(writes, taken, reversed(taken), strict=False):
        async with first.transaction(force_rollback=True):
            assert await actions.request_cancel(first, lowest.id)
            writing = asyncio.ensure_future(write(writer, [lowest, last]))
            await eventually_async(lambda: is_held_up(looking, writer))
            # Had the writer locked it already, each of the two could wait for the other.
            await first.execute("SELECT FROM lapinq_running WHERE id = %s FOR UPDATE NOWAIT", [last.id])
        await writing
