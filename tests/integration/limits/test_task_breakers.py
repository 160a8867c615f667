"""The circuit breaker of a task name: what it parks, what it lets go, and that nothing stays behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Drop, Release, Retry
from lapinq_core.figures import alerts
from lapinq_core.limits import policies
from lapinq_core.limits.breakers import (
    admit,
    close_breaker,
    get_breaker,
    list_breakers,
    put_breaker,
    put_task_breaker,
)
from lapinq_core.lookup.measure import measure
from lapinq_core.lookup.why.why_not_running import BreakerOpen, find_reason
from lapinq_core.tasks import actions, inspect, worker_verbs
from lapinq_core.upkeep import breaker_watch, maintenance_jobs
from lapinq_core.upkeep.breaker_watch import Watched, watch_breakers
from tests.integration.limits.test_breakers import CLOSED, HALF_OPEN, OPEN, end, move_clock
from tests.support.rows.alerts import add_rule, notices
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    counts,
    enqueue,
    make_late,
    pause,
    resume,
    status,
)
from tests.support.rows.rescue import rescue_all

TASK = "add"


async def put(conn: Conn, task: str = TASK, **rule: Any) -> None:
    await put_task_breaker(conn, task, BreakerRule(**rule), by=SOMEBODY)


async def start(conn: Conn, worker: str, limit: int = 1, queue: str = "default") -> list[Claim]:
    """Claims tasks, and answers those that may start."""
    claims = await claim(conn, worker, limit, queue)
    allowed = await admit(conn, TASK, claims) if claims else set[str]()
    return [held for held in claims if held.id in allowed]


async def look(conn: Conn, task: str = TASK) -> Breaker:
    """The breaker after a look of maintenance."""
    await watch_breakers(conn, "task")
    found = await get_breaker(conn, "task", task)
    assert found is not None
    return found


async def opened(conn: Conn, count: int = 10) -> tuple[str, list[str]]:
    """The worker and the waiting tasks of a name whose breaker is open after one failure, and tries after 30 s."""
    worker = await add_worker(conn)
    await put(conn, failures_in_row=1)
    [_, *waiting] = await enqueue(conn, count + 1)
    await end(conn, await start(conn, worker))
    assert (await look(conn)).state is OPEN
    return worker, waiting


async def waits_for(conn: Conn, task: str) -> Any:
    """What its object says."""
    text = await inspect.get_task(conn, task)
    assert text is not None
    return msgspec.json.decode(text)["waiting_for"]


async def parked(conn: Conn) -> list[str]:
    rows = await all_rows(
        conn, "SELECT id::text FROM lapinq_delayed WHERE parked_for IS NOT NULL ORDER BY id"
    )
    return [row[0] for row in rows]


async def due_in(conn: Conn) -> float:
    """The seconds until the first delayed task is due."""
    return await first_value(
        conn, "SELECT extract(epoch FROM min(due_at) - lapinq_now())::float8 FROM lapinq_delayed"
    )


async def ready(conn: Conn) -> list[str]:
    """In the order in which they start."""
    rows = await all_rows(conn, "SELECT id::text FROM lapinq_ready ORDER BY queue_name, rank, seq")
    return [row[0] for row in rows]


async def test_while_it_is_open_claimed_tasks_are_parked_once_and_no_start_is_used_up(conn: Conn) -> None:
    worker, waiting = await opened(conn)
    [other] = await enqueue(conn, task_name="other")
    assert await start(conn, worker, 4) == []
    assert await parked(conn) == waiting[:4]
    assert await start(conn, worker, 100) == []
    assert await parked(conn) == [*waiting, other], "the caller says which names to ask for"
    assert await claim(conn, worker, 100) == []
    assert await counts(conn) == {"pending": 11, "failed": 1}
    for later in (0, 15 * 60 - 30, 30 * 60):
        await move_clock(conn, later)
        assert not await breaker_watch.put_off_parked(conn)
        assert (await maintenance_jobs.promote(conn)).moved == 0
        assert 14 * 60 < await due_in(conn) <= 15 * 60, "a release that knows no breakers starts them then"
    await move_clock(conn, 0)
    breaker = await look(conn)
    assert (breaker.state, breaker.why) == (OPEN, "1 failure in a row")


async def test_parked_tasks_that_an_outage_left_overdue_do_not_delay_a_retry(conn: Conn) -> None:
    _, [waiting] = await opened(conn, 1)
    await conn.execute(
        "UPDATE lapinq_circuit_breakers SET pause_seconds = 3600, tries_at = opened_at + interval '1 hour'"
    )
    [retried] = await enqueue(conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 second'")
        await conn.execute(
            "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, parked_for, parked_seq)"
            " SELECT gen_random_uuid(), lapinq_now() - interval '5 minutes', 'default', 0, %s, n"
            " FROM generate_series(1, 1500) AS n",
            (TASK,),
        )
    assert (await maintenance_jobs.promote(conn)).moved == 1
    assert await ready(conn) == [waiting, retried]
    while (await watch_breakers(conn, "task")).has_more:
        pass
    assert len(await parked(conn)) == 1500
    assert await due_in(conn) > 14 * 60


async def test_one_parked_task_is_the_probe_and_all_go_on_in_their_order_once_it_succeeds(conn: Conn) -> None:
    worker, waiting = await opened(conn, 6)
    assert await start(conn, worker, 3) == []
    await conn.execute("UPDATE lapinq_ready SET rank = 7 WHERE id = %s", (waiting[4],))
    assert await start(conn, worker, 9) == []
    await move_clock(conn, 31)
    assert (await watch_breakers(conn, "task")).queues == ["default"], "its workers are woken"
    assert await ready(conn) == waiting[:1]
    assert (await look(conn)).state is HALF_OPEN
    assert await ready(conn) == waiting[:1], "one at a time"
    [probe] = await start(conn, worker, 9)
    breaker = await look(conn)
    assert (breaker.state, breaker.probe_task_id, probe.attempt) == (HALF_OPEN, waiting[0], 1)
    await enqueue(conn)
    assert await start(conn, worker, 9) == []
    await complete(conn, [probe])
    assert (await look(conn)).state is CLOSED
    assert await parked(conn) == []
    in_order = await ready(conn)
    assert in_order[:4] + in_order[-1:] == [*waiting[1:4], waiting[5], waiting[4]]
    assert len(await start(conn, worker, 9)) == 6


async def test_a_task_that_is_claimed_first_may_be_the_probe_and_one_let_go_for_it_waits_again(
    conn: Conn,
) -> None:
    worker, waiting = await opened(conn, 2)
    assert await start(conn, worker, 2) == []
    await move_clock(conn, 31)
    await watch_breakers(conn, "task")
    held = await claim(conn, worker)
    [fresh] = await enqueue(conn)
    [probe] = await start(conn, worker)
    assert probe.id == fresh
    assert await admit(conn, TASK, held) == set()
    assert await parked(conn) == waiting
    await end(conn, [probe])
    breaker = await look(conn)
    assert (breaker.state, breaker.failed_task_id) == (OPEN, fresh)
    assert breaker.next_try_at is not None
    assert (breaker.next_try_at - breaker.since).total_seconds() == 60


async def test_a_probe_that_says_nothing_is_followed_by_another_parked_task(conn: Conn) -> None:
    worker, _ = await opened(conn, 5)
    assert await start(conn, worker, 9) == []
    await move_clock(conn, 31)
    for following in (Release("snoozed", 60.0), Drop("not now"), None):
        await watch_breakers(conn, "task")
        [probe] = await start(conn, worker, 9)
        if following is None:
            await worker_verbs.release(conn, [probe])
        else:
            await end(conn, [probe], following)
    assert (await look(conn)).state is HALF_OPEN
    assert await start(conn, worker, 9) != []
    assert len(await parked(conn)) == 2


async def test_beside_a_probe_that_runs_for_long_another_is_tried_and_a_late_failure_opens_nothing(
    conn: Conn,
) -> None:
    worker, waiting = await opened(conn, 5)
    assert await start(conn, worker, 9) == []
    await move_clock(conn, 31)
    await watch_breakers(conn, "task")
    [slow] = await start(conn, worker, 9)
    await move_clock(conn, 31 + 50)
    assert (await watch_breakers(conn, "task")).queues == []
    await move_clock(conn, 31 + 70)
    assert (await watch_breakers(conn, "task")).queues == ["default"]
    [second] = await start(conn, worker, 9)
    assert (slow.id, second.id) == (waiting[0], waiting[1])
    await complete(conn, [second])
    assert (await look(conn)).state is CLOSED
    await end(conn, [slow])
    assert (await look(conn)).state is CLOSED
    assert len(await start(conn, worker, 9)) == 3


async def test_a_candidate_that_nobody_claims_keeps_others_waiting_for_seconds_and_a_paused_queue_has_none(
    conn: Conn,
) -> None:
    worker, waiting = await opened(conn, 3)
    for queue in ("paused", "second"):
        await enqueue(conn, 2, queue_name=queue)
        assert await start(conn, worker, 9, queue) == []
    assert await start(conn, worker, 9) == []
    await pause(conn, "paused")
    await move_clock(conn, 31)
    assert (await watch_breakers(conn, "task")).queues == ["default", "second"]
    assert (await watch_breakers(conn, "task")).queues == []
    await move_clock(conn, 42)
    assert (await watch_breakers(conn, "task")).queues == ["default", "second"]
    assert len(await start(conn, worker, 9, "second")) == 1
    assert await start(conn, worker, 9) == []
    assert waiting == [held for held in await parked(conn) if held in waiting]


async def test_closing_it_by_hand_or_removing_it_lets_all_go_in_batches(conn: Conn, monkeypatch: Any) -> None:
    monkeypatch.setattr(breaker_watch, "PASS_LIMIT", 4)
    worker, waiting = await opened(conn)
    assert await start(conn, worker, 20) == []
    assert await close_breaker(conn, "task", TASK, by=SOMEBODY)
    assert not await close_breaker(conn, "task", TASK, by=SOMEBODY)
    assert not await close_breaker(conn, "task", "unknown", by=SOMEBODY)
    moved, queues = await breaker_watch.release_parked(conn, TASK)
    assert (moved, queues, await ready(conn)) == (4, ["default"], waiting[:4])
    assert await watch_breakers(conn, "task") == Watched(["default"], has_more=False, was_busy=True)
    assert await ready(conn) == waiting
    await end(conn, await start(conn, worker))
    assert await start(conn, worker, 20) == []
    assert len(await parked(conn)) == 9
    assert await put_task_breaker(conn, TASK, None, by=SOMEBODY)
    assert not await put_task_breaker(conn, TASK, None, by=SOMEBODY)
    assert await get_breaker(conn, "task", TASK) is None
    assert await watch_breakers(conn, "task") == Watched(["default"], has_more=False, was_busy=True)
    assert await ready(conn) == waiting[1:]
    # Workers that have not heard of it yet still ask.
    assert len(await start(conn, worker, 20)) == 9
    assert await all_rows(conn, "SELECT FROM lapinq_circuit_breaker_starts") == []
    assert await watch_breakers(conn, "task") == Watched([], has_more=False, was_busy=False)


async def test_a_parked_task_is_cancelled_run_expired_and_replaced_like_any_delayed_one(conn: Conn) -> None:
    worker, waiting = await opened(conn, 3)
    [late] = await enqueue(conn, ttl_seconds=60)
    assert await start(conn, worker, 9) == []
    assert await parked(conn) == [*waiting, late]
    await actions.cancel(conn, waiting[0])
    assert await status(conn, waiting[0]) == "cancelled"
    await actions.run_now(conn, waiting[1])
    assert await ready(conn) == waiting[1:2]
    assert await start(conn, worker) == []
    assert waiting[1] in await parked(conn), "it doesn't pass an open breaker"
    # One that was asked to stop meanwhile ends instead of being parked.
    [stopped] = await enqueue(conn)
    claims = await claim(conn, worker)
    await conn.execute("UPDATE lapinq_running SET cancel_requested_at = lapinq_now()")
    assert await admit(conn, TASK, claims) == set()
    assert await status(conn, stopped) == "cancelled"
    await move_clock(conn, 61)
    await maintenance_jobs.expire(conn)
    assert await status(conn, late) == "expired"
    assert await counts(conn) == {"pending": 2, "failed": 1, "cancelled": 2, "expired": 1}


async def test_a_parked_retry_whose_arguments_are_replaced_waits_no_longer_for_the_name(conn: Conn) -> None:
    worker, _ = await opened(conn, 0)
    [again] = await enqueue(conn)
    await close_breaker(conn, "task", TASK, by=SOMEBODY)
    await end(conn, await start(conn, worker), Retry(0.0, "Error: no"))
    await conn.execute("UPDATE lapinq_circuit_breakers SET judged_at = NULL")  # it rests 20 ms after a look
    assert await start(conn, worker) == []
    assert await parked(conn) == [again]
    await conn.execute(
        'SELECT lapinq_replace_waiting(%s, \'{"task_name": "other", "module_path": "m"}\', NULL)', (again,)
    )
    assert await ready(conn) == [again]


async def test_an_answer_that_was_lost_is_the_same_when_it_is_asked_for_again(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 9)
    await put(conn, failures_in_row=1)
    claims = await claim(conn, worker, 2)
    ids = {held.id for held in claims}
    assert await admit(conn, TASK, claims) == ids
    [failing] = await start(conn, worker)
    await end(conn, [failing])
    assert (await look(conn)).state is OPEN
    assert await admit(conn, TASK, claims, again=True) == ids, "they may run by now"
    refused = await claim(conn, worker, 2)
    assert await admit(conn, TASK, refused) == set()
    assert await admit(conn, TASK, refused, again=True) == set()
    assert len(await parked(conn)) == 2
    await move_clock(conn, 31)
    probes = await claim(conn, worker, 2)
    assert await admit(conn, TASK, probes) == {probes[0].id}
    assert await admit(conn, TASK, probes, again=True) == {probes[0].id}
    asked = "SELECT count(*) FROM lapinq_circuit_breaker_starts WHERE task_id = %s"
    assert await first_value(conn, asked, (probes[0].id,)) == 1


async def test_a_parked_task_gives_back_what_it_took_and_its_key_waits_in_strict_order(conn: Conn) -> None:
    changes = {"order": StartOrder.STRICT_PER_KEY, "rate_per_key": Rate(100, 3600, 100)}
    await policies.change(conn, "default", changes, by=SOMEBODY)
    worker, _ = await opened(conn, 0)
    [head, second] = [(await enqueue(conn, key="ann"))[0] for _ in range(2)]
    assert await start(conn, worker, 9) == []
    assert await parked(conn) == [head]
    assert await claim(conn, worker, 9) == [], "the head keeps its key"
    await move_clock(conn, 31)
    await watch_breakers(conn, "task")
    [probe] = await start(conn, worker, 9)
    assert probe.id == head
    tokens = await first_value(conn, "SELECT round(tokens::numeric) FROM lapinq_keys")
    assert tokens == 99, "it took one in all"
    await complete(conn, [probe])
    assert (await look(conn)).state is CLOSED
    assert [held.id for held in await start(conn, worker, 9)] == [second]


async def test_parked_tasks_without_a_lane_give_the_rate_of_their_queue_back(conn: Conn) -> None:
    await policies.change(conn, "default", {"rate": Rate(3, 3600, 3)}, by=SOMEBODY)
    worker, waiting = await opened(conn, 2)
    [other] = await enqueue(conn, task_name="other")
    assert await start(conn, worker, 2) == []
    assert await parked(conn) == waiting
    assert [held.id for held in await claim(conn, worker, 9)] == [other]


async def test_tasks_of_a_lost_worker_are_neither_lost_nor_parked_twice(conn: Conn) -> None:
    _, waiting = await opened(conn, 3)
    dead = await add_worker(conn)
    claims = await claim(conn, dead, 2)
    await make_late(conn, dead)
    assert sorted(await rescue_all(conn)) == sorted(held.id for held in claims)
    assert await admit(conn, TASK, claims) == set(), "its tokens hold nothing any more"
    assert await parked(conn) == []
    await move_clock(conn, 31)
    dead = await add_worker(conn)
    [probe] = await start(conn, dead)
    await make_late(conn, dead)
    await rescue_all(conn)
    breaker = await look(conn)
    assert (breaker.state, breaker.failed_task_id) == (OPEN, probe.id)
    assert sum((await counts(conn)).values()) == len(waiting) + 1


async def test_everybody_says_what_its_tasks_wait_for_and_who_asks_hears_that_it_opens_and_closes(
    conn: Conn,
) -> None:
    await add_rule(conn, events=["breaker"])
    worker, [first, second] = await opened(conn, 2)
    assert await start(conn, worker) == []
    for waiting in (first, second):
        reason = await find_reason(conn, waiting)
        assert isinstance(reason, BreakerOpen)
        assert (reason.task_name, reason.failures, reason.attempts) == (TASK, 1, None)
        assert await waits_for(conn, waiting) == {"kind": "breaker", "name": TASK}
    found = (await alerts.current(conn)).breakers
    assert [(one.task_name, one.state, one.waiting) for one in found] == [(TASK, "open", 1)]
    assert (await measure(conn, 200)).breakers == {("task", TASK): OPEN}
    [listed] = await list_breakers(conn)
    assert (listed.kind, listed.name, listed.parked) == ("task", TASK, 1)
    await pause(conn, "default")
    assert await waits_for(conn, first) == {"kind": "paused", "name": None}
    await resume(conn, "default")
    await close_breaker(conn, "task", TASK, by=SOMEBODY)
    await watch_breakers(conn, "task")
    assert await waits_for(conn, first) is None
    told = [
        (details["task_name"], details["queue_name"], details["state"]) for *_, details in await notices(conn)
    ]
    assert told == [(TASK, "", "open"), (TASK, "", "closed")]
    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    await end(conn, await start(conn, worker))
    await watch_breakers(conn, "queue")
    assert await waits_for(conn, second) == {"kind": "breaker", "name": None}


async def test_of_several_workers_one_gets_the_probe(connections: Connections) -> None:
    conns = await connections(4)
    conn, moved = conns[0], 0.0
    await enqueue(conn, 100)
    await put(conn, failures_in_row=2, retry_after_seconds=1)
    workers = [await add_worker(each) for each in conns[1:]]

    async def start_all() -> list[Claim]:
        starts = [start(each, worker, 3) for each, worker in zip(conns[1:], workers, strict=True)]
        *found, _ = await asyncio.gather(*starts, watch_breakers(conn, "task"))
        return [held for some in found for held in some if isinstance(held, Claim)]

    await end(conn, await start_all())
    assert await start_all() == []
    for _ in range(3):
        moved += 11
        await move_clock(conn, moved)
        [probe] = [*await start_all(), *await start_all()]
        await end(conn, [probe])
        assert await start_all() == []
    moved += 11
    await move_clock(conn, moved)
    [probe] = await start_all()
    await complete(conn, [probe])
    await look(conn)
    # One after the other: of claims at the same time, one that waits too long for the others gets nothing.
    assert [len(await start(conn, worker, 3)) for worker in workers] == [3, 3, 3]
    assert await parked(conn) == []


async def test_a_breaker_whose_row_is_locked_for_long_holds_up_no_other(connections: Connections) -> None:
    conn, other = await connections(2)
    worker, waiting = await opened(conn, 1)
    assert await start(conn, worker) == []
    await close_breaker(conn, "task", TASK, by=SOMEBODY)
    await put(conn, "aaa", failures_in_row=1)
    [failing] = await enqueue(conn, task_name="aaa")
    [held] = await claim(conn, worker)
    assert await admit(conn, "aaa", [held]) == {failing}
    await end(conn, [held])
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_circuit_breakers WHERE task_name = 'aaa' FOR UPDATE")
        await watch_breakers(conn, "task")
        assert await ready(conn) == waiting
    assert (await look(conn, "aaa")).state is OPEN
