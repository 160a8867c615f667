"""Many at once with one unique key: one decides after the other, and nothing gets lost in between."""

import asyncio
from collections import Counter

import msgspec
import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.unique import Unique
from lapinq_core.intake.idempotency import UniqueKeyBusy
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.intake.unique.enqueued import args_of, debounced, patiently, put, put_one, unique
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, counts, new_task
from tests.support.tries import tries

AT_ONCE = 16
TIMES = tries(1_000)
RACES = tries(150)
STARTS = tries(100)


async def test_of_very_many_at_once_exactly_one_is_stored(connections: Connections) -> None:
    conns = await connections(AT_ONCE)

    async def one_after_the_other(conn: Conn) -> Counter[str]:
        seen = Counter[str]()
        for _ in range(TIMES // AT_ONCE):
            seen[await _put(conn)] += 1
        return seen

    seen = sum(await asyncio.gather(*map(one_after_the_other, conns)), Counter[str]())
    assert seen["stored"] == 1
    assert await counts(conns[0]) == {"pending": 1}


async def _put(conn: Conn) -> str:
    """What became of a task with the key."""
    what, _ = await patiently(lambda: put_one(conn, unique()))
    return what


async def test_while_tasks_start_and_end_never_two_hold_the_key(connections: Connections) -> None:
    conns = await connections(5)
    *enqueuers, worker_conn = conns
    worker = await add_worker(worker_conn)
    is_over = asyncio.Event()
    stored = Counter[str]()

    async def enqueue(conn: Conn) -> None:
        while not is_over.is_set():
            stored[await _put(conn)] += 1

    async def work() -> None:
        for _ in range(STARTS):
            held: list[Claim] = []
            while not held:
                held = await claim(worker_conn, worker, 10)
            assert len(held) == 1
            await complete(worker_conn, held)
        is_over.set()

    await asyncio.gather(work(), *map(enqueue, enqueuers))
    assert STARTS <= stored["stored"] <= STARTS + 1


@pytest.mark.parametrize("commits", [True, False])
async def test_a_key_in_an_open_transaction_is_waited_for_and_then_known(
    connections: Connections, commits: bool
) -> None:
    one, two, looking = await connections(3)
    await one.execute("BEGIN")
    what, first = await put_one(one, unique())
    assert what == "stored"
    with pytest.raises(UniqueKeyBusy):  # a server must not wait on a connection
        await put_one(two, unique())
    assert (await put_one(two, new_task(unique=Unique("other"))))[0] == "stored"
    await two.execute("BEGIN")  # others wait
    meeting = asyncio.create_task(
        two.execute(
            "SELECT lapinq_meet_unique_keys(%s::json)::text", (msgspec.json.encode([unique()]).decode(),)
        )
    )
    await eventually_async(lambda: is_held_up(looking, two))
    await one.execute("COMMIT" if commits else "ROLLBACK")
    row = await (await meeting).fetchone()
    assert row is not None
    [[_, outcome, task_id, _]] = msgspec.json.decode(row[0])
    assert (outcome, task_id == first) == (("existing", True) if commits else ("stored", False))
    await two.execute("ROLLBACK")


async def test_the_connection_of_a_holder_that_dies_frees_the_key(connections: Connections) -> None:
    one, two = await connections(2)
    await one.execute("BEGIN")
    await put_one(one, unique())
    await two.execute("SELECT pg_terminate_backend(%s)", (one.info.backend_pid,))
    assert await _put(two) == "stored"


async def test_a_replaced_task_starts_with_the_new_arguments_or_the_answer_says_that_it_did_not(
    connections: Connections,
) -> None:
    enqueuer, claimer = await connections(2)
    worker = await add_worker(claimer)
    seen = Counter[str]()

    async def start(round_trips: int) -> Claim:
        await _make(claimer, round_trips)
        while True:
            if held := await claim(claimer, worker):
                return held[0]

    async def replace(task_id: str, round_trips: int) -> str:
        await _make(enqueuer, round_trips)
        # The claim may hold the task's row for longer than a try waits.
        what, found = await patiently(lambda: put_one(enqueuer, unique(on_conflict="replace", args=["new"])))
        assert found == task_id
        return what

    for number in range(RACES):
        _, task_id = await put_one(enqueuer, unique(args=["old"]))
        # Each begins up to nine round trips after the other, so each comes first many times.
        later = number % 19 - 9
        held, what = await asyncio.gather(start(max(0, later)), replace(task_id, max(0, -later)))
        [ran_with] = msgspec.json.decode(held.args)
        assert (what, ran_with) in {("replaced", "new"), ("existing", "old")}
        assert await args_of(enqueuer, task_id) == [ran_with]
        assert await claim(claimer, worker) == []
        await complete(claimer, [held])
        seen[what] += 1
    assert len(seen) == 2, seen
    assert await counts(enqueuer) == {"completed": RACES}


async def _make(conn: Conn, round_trips: int) -> None:
    for _ in range(round_trips):
        await conn.execute("SELECT 1")


async def test_a_claim_that_looked_before_a_replacement_does_not_start_the_old_arguments(
    connections: Connections,
) -> None:
    """The claim has its snapshot, then the replacement commits, then the claim gets the row."""
    enqueuer, claimer = await connections(2)
    worker = await add_worker(claimer)
    await put_one(enqueuer, unique(args=["old"]))
    await enqueuer.execute("BEGIN")
    await enqueuer.execute("LOCK lapinq_ready IN ACCESS EXCLUSIVE MODE")
    claiming = asyncio.create_task(claim(claimer, worker))
    await eventually_async(lambda: is_held_up(enqueuer, claimer))
    assert (await put_one(enqueuer, unique(on_conflict="replace", args=["new"])))[0] == "replaced"
    await enqueuer.execute("COMMIT")
    held = await claiming or await claim(claimer, worker)
    assert [msgspec.json.decode(one.args) for one in held] == [["new"]]


async def test_no_call_of_a_debounced_storm_gets_lost(connections: Connections) -> None:
    """Each call's argument is run, or was replaced by a later one. A task waits no longer than it may."""
    conns = await connections(6)
    *enqueuers, claimer, promoter = conns
    worker = await add_worker(claimer)
    last = [0]
    is_over = asyncio.Event()
    stored: list[int] = []
    runs: list[int] = []

    async def call(conn: Conn) -> None:
        for _ in range(tries(150)):
            last[0] += 1
            number = last[0]
            task = debounced(0.01, 0.02, args=[number])
            await patiently(lambda task=task: put_one(conn, task))
            stored.append(number)

    async def run() -> None:
        while not is_over.is_set() or (await counts(claimer)).get("pending"):
            await maintenance_jobs.promote(promoter)
            held = await claim(claimer, worker, 10)
            assert len(held) <= 1
            runs.extend(msgspec.json.decode(one.args)[0] for one in held)
            await complete(claimer, held)

    async def storm() -> None:
        await asyncio.gather(*map(call, enqueuers))
        is_over.set()

    await asyncio.gather(run(), storm())
    assert len(runs) > 1
    # Of the calls that were answered last, one was stored last.
    assert set(runs) & set(stored[-len(enqueuers) :])
    late = await maybe_row(
        claimer, "SELECT count(*) FROM lapinq_tasks WHERE scheduled_at > created_at + interval '25 ms'"
    )
    assert late == (0,)
    assert await counts(claimer) == {"completed": len(runs)}


async def test_two_requests_with_the_same_keys_in_other_orders_do_not_deadlock(
    connections: Connections,
) -> None:
    one, two = await connections(2)
    keys = [f"key {number}" for number in range(20)]

    async def replace_all(conn: Conn, order: list[str]) -> None:
        for _ in range(tries(30)):
            tasks = [new_task(unique=Unique(key, on_conflict="replace")) for key in order]
            for _ in range(100):
                try:
                    await put(conn, *tasks)
                    break
                except UniqueKeyBusy:
                    await asyncio.sleep(0.001)

    await asyncio.gather(replace_all(one, keys), replace_all(two, keys[::-1]))
    assert await counts(one) == {"pending": 20}
