"""A circuit breaker: what opens it, how it tries again, and which ends it doesn't care about."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from lapinq_core.db.moved_clock import clock_moved_by
from lapinq_core.db.rows import all_rows
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Drop, Fail, Next, Release, Retry
from lapinq_core.limits.breakers import close_breaker, get_breaker, put_breaker, put_task_breaker
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep.breaker_watch import watch_breakers
from tests.support.rows.alerts import add_rule, notices
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    enqueue,
    make_late,
)
from tests.support.rows.rescue import rescue_all
from tests.support.tries import tries

CLOSED, OPEN, HALF_OPEN = BreakerState
FAILED = Fail("Error: no")


async def put(conn: Conn, queue: str = "default", **rule: Any) -> None:
    await put_breaker(conn, "queue", queue, BreakerRule(**rule) if rule else None)


async def look(conn: Conn, queue: str = "default") -> Breaker:
    """The breaker after a look of maintenance."""
    await watch_breakers(conn, "queue")
    found = await get_breaker(conn, "queue", queue)
    assert found is not None
    return found


async def end(conn: Conn, claims: Sequence[Claim], following: Next = FAILED) -> None:
    """Ends them one after the other."""
    for held in claims:
        await worker_verbs.settle(conn, [ended_as(held.id, held.token, following)])


async def move_clock(conn: Conn, seconds: float) -> None:
    await conn.execute(clock_moved_by(seconds))


async def opened(conn: Conn, **rule: Any) -> str:
    """The worker of a queue with some tasks whose breaker is open after one failure, and tries after 30 s."""
    worker = await add_worker(conn)
    await enqueue(conn, 20)
    await put(conn, failures_in_row=1, **rule)
    await end(conn, await claim(conn, worker))
    assert (await look(conn)).state is OPEN
    return worker


async def test_so_many_failures_in_a_row_open_it_and_a_success_between_does_not(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 50)
    await put(conn, failures_in_row=3)
    first = await claim(conn, worker, 5)
    await end(conn, first[:2])
    assert (await look(conn)).state is CLOSED
    await complete(conn, first[2:3])
    await end(conn, first[3:])
    assert (await look(conn)).state is CLOSED
    [last] = await claim(conn, worker)
    await end(conn, [last], Retry(0.0, "Error: no"))
    # The claim itself sees it: nothing starts after the third failure.
    assert await claim(conn, worker, 5) == []
    breaker = await look(conn)
    assert (breaker.state, breaker.why) == (OPEN, "3 failures in a row")
    assert breaker.failed_task_id == last.id
    assert breaker.next_try_at is not None
    assert (breaker.next_try_at - breaker.since).total_seconds() == 30


async def test_a_success_at_the_same_look_does_not_hide_a_row_of_failures(conn: Conn, worker: str) -> None:
    await enqueue(conn, 5)
    await put(conn, failures_in_row=3)
    claims = await claim(conn, worker, 4)
    await end(conn, claims[:3])
    await complete(conn, claims[3:])
    assert (await look(conn)).state is OPEN


async def test_an_attempt_that_outlives_later_ones_counts_when_it_ends(conn: Conn, worker: str) -> None:
    await enqueue(conn, 2)
    await put(conn, failures_in_row=1)
    first, second = await claim(conn, worker, 2)
    await complete(conn, [second])
    assert (await look(conn)).state is CLOSED
    await end(conn, [first])
    assert (await look(conn)).state is OPEN


async def test_a_share_of_failures_in_the_window_opens_it_once_there_were_enough_attempts(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 50)
    await put(conn, failure_share=0.5, window_seconds=60, least_attempts=4)
    claims = await claim(conn, worker, 10)
    await end(conn, claims[:3])
    assert (await look(conn)).state is CLOSED, "only three attempts"
    await move_clock(conn, 70)
    await end(conn, claims[3:5])
    await complete(conn, claims[5:8])
    assert (await look(conn)).state is CLOSED, "two of five; the first three are out of the window"
    await end(conn, claims[8:9])
    breaker = await look(conn)
    assert (breaker.state, breaker.why) == (OPEN, "3 failures in 6 attempts within 60 s")


async def test_a_probe_that_succeeds_closes_it_and_it_counts_afresh(conn: Conn, worker: str) -> None:
    await enqueue(conn, 20)
    await put(conn, failures_in_row=2)
    early = await claim(conn, worker, 4)
    await end(conn, early[:2])
    assert await claim(conn, worker, 5) == []
    await move_clock(conn, 31)
    [probe] = await claim(conn, worker, 5)
    assert await claim(conn, worker, 5) == [], "one probe at a time"
    breaker = await look(conn)
    assert (breaker.state, breaker.probe_task_id) == (HALF_OPEN, probe.id)
    # What started before says nothing, neither way.
    await complete(conn, early[2:3])
    assert (await look(conn)).state is HALF_OPEN
    await complete(conn, [probe])
    assert len(await claim(conn, worker, 5)) == 5
    assert (await look(conn)).state is CLOSED
    await end(conn, early[3:])
    [one] = await claim(conn, worker)
    await end(conn, [one])
    assert (await look(conn)).state is CLOSED
    await end(conn, await claim(conn, worker))
    assert (await look(conn)).state is OPEN


async def test_a_probe_that_fails_opens_it_for_longer_within_bounds_or_until_the_clock_is_set_back(
    conn: Conn,
) -> None:
    await move_clock(conn, 3600)
    worker = await opened(conn, retry_after_seconds=10)
    moved, pauses = 3600.0, [10.0]
    for _ in range(5):
        moved += pauses[-1] + 1
        await move_clock(conn, moved)
        [probe] = await claim(conn, worker, 5)
        await end(conn, [probe])
        breaker = await look(conn)
        assert (breaker.state, breaker.failed_task_id) == (OPEN, probe.id)
        assert breaker.next_try_at is not None
        pauses.append((breaker.next_try_at - breaker.since).total_seconds())
    assert pauses == [10, 20, 40, 80, 100, 100]
    await move_clock(conn, 0)
    assert len(await claim(conn, worker, 5)) == 1


async def test_a_probe_that_is_released_or_cancelled_leaves_it_to_the_next_task(conn: Conn) -> None:
    worker = await opened(conn)
    await move_clock(conn, 31)
    [released] = await claim(conn, worker, 5)
    await worker_verbs.release(conn, [released])
    [snoozed] = await claim(conn, worker, 5)
    await end(conn, [snoozed], Release("snoozed", 60.0))
    [cancelled] = await claim(conn, worker, 5)
    await end(conn, [cancelled], Drop("not now"))
    assert (await look(conn)).state is HALF_OPEN
    [probe] = await claim(conn, worker, 5)
    await complete(conn, [probe])
    assert (await look(conn)).state is CLOSED


async def test_beside_a_probe_that_runs_for_long_others_are_tried_as_often_as_if_it_had_failed(
    conn: Conn,
) -> None:
    worker = await opened(conn, retry_after_seconds=10)
    await move_clock(conn, 11)
    probes = await claim(conn, worker, 5)
    moved = 11
    for pause in (20, 40, 80, *[100] * 6):
        await move_clock(conn, moved + pause - 2)
        assert await claim(conn, worker, 5) == [], pause
        moved += pause + 2
        await move_clock(conn, moved)
        assert (await watch_breakers(conn, "queue")).queues == ["default"], "its workers are woken"
        assert (await look(conn)).probe_task_id is None
        [another] = await claim(conn, worker, 5)
        assert (await look(conn)).probe_task_id == another.id
        probes.append(another)
    await move_clock(conn, moved + 1000)
    assert await claim(conn, worker, 5) == [], "ten at a time"
    await worker_verbs.release(conn, [probes.pop(1)])
    assert (await look(conn)).probe_task_id is None
    probes += await claim(conn, worker, 5)
    assert len(probes) == 10
    assert await claim(conn, worker, 5) == []
    await complete(conn, probes[3:4])
    assert (await look(conn)).state is CLOSED
    await end(conn, probes[:3])
    assert (await look(conn)).state is CLOSED, "they started before it closed"
    await end(conn, await claim(conn, worker))
    assert (await look(conn)).state is OPEN


async def test_the_first_of_several_probes_that_ends_decides(conn: Conn) -> None:
    worker, moved = await opened(conn, retry_after_seconds=10), 0.0

    async def two_probes() -> list[Claim]:
        nonlocal moved
        probes = list[Claim]()
        for _ in range(2):
            moved += 300
            await move_clock(conn, moved)
            probes += await claim(conn, worker, 5)
        return probes

    slow, second = await two_probes()
    await end(conn, [slow])
    breaker = await look(conn)
    assert (breaker.state, breaker.failed_task_id) == (OPEN, slow.id)
    assert breaker.next_try_at is not None
    assert (breaker.next_try_at - breaker.since).total_seconds() == 20
    await complete(conn, [second])
    assert (await look(conn)).state is OPEN
    # Of ends that one look finds, too.
    slow, second = await two_probes()
    await end(conn, [slow])
    await complete(conn, [second])
    assert (await look(conn)).failed_task_id == slow.id
    slow, second = await two_probes()
    await complete(conn, [second])
    await end(conn, [slow])
    assert (await look(conn)).state is CLOSED


async def test_attempts_lost_with_their_worker_open_nothing_but_a_lost_probe_has_failed(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 20)
    await put(conn, failures_in_row=1)
    await claim(conn, worker, 4)
    await make_late(conn, worker)
    await rescue_all(conn)
    assert (await look(conn)).state is CLOSED
    worker = await add_worker(conn)
    await end(conn, await claim(conn, worker))
    assert (await look(conn)).state is OPEN
    await move_clock(conn, 31)
    dead = await add_worker(conn)
    [probe] = await claim(conn, dead, 5)
    await make_late(conn, dead)
    assert list(await rescue_all(conn)) == [probe.id]
    breaker = await look(conn)
    assert (breaker.state, breaker.failed_task_id) == (OPEN, probe.id)
    assert await complete(conn, [probe]) == 0


async def test_it_closes_by_hand_and_goes_with_its_rules(conn: Conn) -> None:
    worker = await opened(conn)
    assert await close_breaker(conn, "queue", "default", by=SOMEBODY)
    assert not await close_breaker(conn, "queue", "default", by=SOMEBODY)
    assert not await close_breaker(conn, "queue", "unknown", by=SOMEBODY)
    assert (await look(conn)).state is CLOSED
    [one] = await claim(conn, worker)
    await end(conn, [one])
    # New rules don't close it, and without a breaker nothing holds its tasks up.
    await put(conn, failures_in_row=9)
    await look(conn)
    await end(conn, await claim(conn, worker, 9))
    assert (await look(conn)).state is OPEN
    await put(conn, failures_in_row=10)
    assert await claim(conn, worker) == []
    await put(conn)
    assert await get_breaker(conn, "queue", "default") is None
    assert len(await claim(conn, worker)) == 1
    assert await all_rows(conn, "SELECT FROM lapinq_circuit_breaker_starts") == []


async def test_who_asks_hears_once_that_it_opened_and_that_it_closed(conn: Conn) -> None:
    await add_rule(conn, events=["breaker"])
    worker = await opened(conn)
    await watch_breakers(conn, "queue")
    [(_, event, details)] = await notices(conn)
    assert (event, details["state"], details["failures"], details["attempts"]) == ("breaker", "open", 1, None)
    await move_clock(conn, 31)
    await end(conn, await claim(conn, worker))
    await look(conn)
    assert len(await notices(conn)) == 1, "a probe that fails is no news"
    await move_clock(conn, 120)
    await complete(conn, await claim(conn, worker))
    assert (await watch_breakers(conn, "queue")).queues == ["default"], "its workers are woken"
    assert [details["state"] for *_, details in await notices(conn)] == ["open", "closed"]
    await move_clock(conn, 130)
    assert (await watch_breakers(conn, "queue")).queues == []


async def test_any_order_of_ends_opens_it_as_counting_them_one_by_one_does(conn: Conn) -> None:
    chance = random.Random(28)
    worker = await add_worker(conn)
    for number in range(tries(12)):
        queue = f"q{number}"
        await enqueue(conn, 30, queue_name=queue)
        await put(conn, queue, failures_in_row=4)
        claims = await claim(conn, worker, 30, queue)
        row = longest = 0
        for held in claims:
            if chance.random() < 0.65:
                row += 1
                await end(conn, [held])
            else:
                row = 0
                await complete(conn, [held])
            longest = max(longest, row)
            if chance.random() < 0.2:
                await look(conn, queue)
        assert ((await look(conn, queue)).state is OPEN) == (longest >= 4), number


async def test_of_several_workers_one_gets_the_probe(connections: Connections) -> None:
    conns = await connections(4)
    conn, moved = conns[0], 0.0
    await enqueue(conn, 200)
    await put(conn, failures_in_row=2, retry_after_seconds=1)

    async def claim_all() -> list[tuple[str, Claim]]:
        workers = [await add_worker(each) for each in conns]
        claims = [claim(each, worker, 3) for each, worker in zip(conns, workers, strict=True)]
        found = await asyncio.gather(*claims)
        return [(worker, held) for worker, some in zip(workers, found, strict=True) for held in some]

    await end(conn, [held for _, held in await claim_all()])
    assert await claim_all() == []
    for turn in range(4):
        moved += 11
        await move_clock(conn, moved)
        [(worker, probe)] = [*await claim_all(), *await claim_all()]
        if turn % 2:
            await make_late(conn, worker)
            await rescue_all(conn)
        else:
            await end(conn, [probe])
        assert await claim_all() == []
    moved += 11
    await move_clock(conn, moved)
    [(_, probe)] = await claim_all()
    await complete(conn, [probe])
    # One after the other: of claims at the same time, one that waits too long for the others gets nothing.
    assert [len(await claim(each, await add_worker(each), 3)) for each in conns] == [3, 3, 3, 3]


async def test_a_queue_whose_row_is_locked_for_long_holds_up_no_other(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    for queue in ("locked", "mail"):
        await enqueue(conn, queue_name=queue)
        await put(conn, queue, failures_in_row=1)
        await end(conn, await claim(conn, worker, queue=queue))
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_queues WHERE name = 'locked' FOR UPDATE")
        assert (await look(conn, "mail")).state is OPEN
        assert (await look(conn, "locked")).state is CLOSED
    assert (await look(conn, "locked")).state is OPEN


async def test_setting_or_removing_one_again_mends_what_its_queue_knows(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 2)
    rules: list[dict[str, Any]] = [{"failures_in_row": 3}, {}]
    for rule in rules:
        await put(conn, **rule)
        await conn.execute("UPDATE lapinq_queues SET has_breaker = NOT has_breaker")
        await put(conn, **rule)
        assert len(await claim(conn, worker)) == 1


async def test_many_may_set_the_same_new_one_of_a_task_name(connections: Connections) -> None:
    """Each INSERT heeds one of the unique constraints."""
    conns = await connections(4)
    rule = BreakerRule(failures_in_row=1)
    for number in range(tries(20)):
        await asyncio.gather(*(put_task_breaker(conn, f"task {number}", rule, by=SOMEBODY) for conn in conns))
