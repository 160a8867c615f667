"""Steps and waits in the database, as the worker of a durable task uses them."""

import psycopg
import pytest

from lapinq_core.db.rows import first_value, one_row
from lapinq_core.db.statements import sql
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Load, Loaded, Lost, Row, Stored
from lapinq_core.domain.tasks.outcome import Raised, Unretryable
from lapinq_core.durable import steps
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.upkeep.rescuing import rescue
from tests.support.database.plans import nodes, plan
from tests.support.rows.durable import (
    end,
    held,
    loaded,
    sleep,
    step,
    stored,
    suspend,
    wait_for,
    wait_for_task,
    waits,
)
from tests.support.rows.factories import Conn, claim, complete, enqueue, new_task, status
from tests.support.rows.rescue import ANY_TIME

UNTIL_WOKEN = 8000
"""The year in which a suspended task without a time-out is due."""


async def test_reading_looks_at_each_of_many_waits_once(conn: Conn, worker: str) -> None:
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    for number in range(50):
        await wait_for(conn, claimed, f"signal-{number}")
    asked = {**steps.claims_of([held(claimed)]), "max_bytes": 1000}
    read = await plan(conn, "load_steps", asked)
    looked = [node for node in nodes(read) if node.get("CTE Name") == "stored"]
    assert [(node["Actual Rows"], node["Actual Loops"]) for node in looked] == [(50, 1)]


async def test_tasks_that_read_at_once_share_what_one_answer_may_hold(
    conn: Conn, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MAX_BATCH_BYTES", 300)
    await enqueue(conn, 2)
    both = await claim(conn, worker, 2)
    for claimed in both:
        await step(conn, claimed, "charge", f'"{"x" * 200}"')
    alone = await loaded(conn, both[0])
    assert isinstance(alone, Loaded)
    assert [(row.result is None, row.size) for row in alone.rows] == [(False, 202)]
    for answer in await steps.load(conn, [(held(claimed), Load()) for claimed in both]):
        assert isinstance(answer, Loaded)
        assert [(row.result is None, row.size) for row in answer.rows] == [(True, 202)]


async def due_in(conn: Conn, task_id: str) -> float | None:
    """The seconds until a delayed task is due, None for one that is not delayed."""
    return await first_value(
        conn,
        "SELECT extract(epoch FROM due_at - lapinq_now())::float8 FROM lapinq_delayed WHERE id = %s",
        (task_id,),
    )


async def is_ready(conn: Conn, task_id: str) -> bool:
    return bool(await first_value(conn, "SELECT count(*) FROM lapinq_ready WHERE id = %s", (task_id,)))


async def running(conn: Conn, worker: str) -> Claim:
    """A task that runs."""
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    return claimed


async def test_a_step_is_stored_once_and_later_attempts_find_it(conn: Conn, worker: str) -> None:
    first = await running(conn, worker)
    assert await step(conn, first, "charge", '"p1"', version="2") == Stored()
    assert await step(conn, first, "charge", '"sent again"') == Stored()
    await end(conn, first, Raised("no"))
    await actions.run_now(conn, first.id)
    [second] = await claim(conn, worker)
    answer = await loaded(conn, second)
    assert answer == steps.Loaded([Row("charge", 0, "step", "completed", '"p1"', 4)], "2")


async def own_step(conn: Conn, claimed: Claim) -> bool:
    """Stores a step in the transaction of the task's own writes; whether the claim was still there."""
    values = {"id": claimed.id, "token": claimed.token, "name": "book", "occurrence": "0", "kind": "step"}
    values |= {"result": "1", "seconds": "0.1", "version": None}
    return await first_value(conn, sql("lapinq_core.durable", "store_own_step"), values) == 1


async def test_a_step_in_an_open_transaction_holds_up_no_end_and_is_refused_after_it(
    conn: Conn, worker: str, database: str
) -> None:
    claimed = await running(conn, worker)
    async with await Conn.open(database) as user:
        await user.execute("BEGIN")
        assert await own_step(user, claimed)
        await end(conn, claimed, Raised("no"))
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="lease"):
            await user.execute("COMMIT")
        assert not await own_step(user, claimed)
    assert await first_value(conn, "SELECT count(*) FROM lapinq_steps") == 0


@pytest.mark.parametrize("ended_by", ["rescue", "its own failure", "the next claim"])
async def test_it_is_refused_where_another_than_its_claim_has_ended_the_task(
    conn: Conn, worker: str, database: str, ended_by: str
) -> None:
    await enqueue(conn, max_retries=0)
    [claimed] = await claim(conn, worker)
    async with await Conn.open(database) as user:
        await user.execute("BEGIN")
        assert await own_step(user, claimed)
        match ended_by:
            case "rescue":
                await conn.execute("DELETE FROM lapinq_workers")
                assert await rescue(conn, ANY_TIME, 0.5) == {claimed.id: None}
            case "its own failure":
                await end(conn, claimed, Raised("no"), max_retries=0)
            case _:
                # Both claims are of the first attempt.
                assert await worker_verbs.release(conn, [claimed])
                [again] = await claim(conn, worker)
                assert again.attempt == claimed.attempt
                await complete(conn, [again])
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="lease"):
            await user.execute("COMMIT")
    assert await first_value(conn, "SELECT count(*) FROM lapinq_steps") == 0


async def test_it_may_be_stored_with_the_end_of_the_attempt(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    async with conn.transaction():
        assert await own_step(conn, claimed)
        await complete(conn, [claimed])
    assert await first_value(conn, "SELECT name FROM lapinq_steps") == "book"


async def test_a_lost_claim_reads_and_stores_nothing(conn: Conn, worker: str) -> None:
    lost = await running(conn, worker)
    await end(conn, lost, Raised("no"))
    assert await step(conn, lost, "charge") == Lost()
    assert await wait_for(conn, lost, "packed") == Lost()
    assert await loaded(conn, lost) == Lost()
    assert await first_value(conn, "SELECT count(*) FROM lapinq_steps") == 0


@pytest.mark.parametrize("seconds", [None, 90.0])
async def test_a_suspended_task_uses_no_start_and_is_due_when_its_wait_is_over(
    conn: Conn, worker: str, seconds: float | None
) -> None:
    claimed = await running(conn, worker)
    assert waits(await wait_for(conn, claimed, "packed", seconds=seconds))
    await suspend(conn, claimed)
    year, starts = await one_row(
        conn, "SELECT date_part('year', due_at)::integer, starts FROM lapinq_delayed", ()
    )
    assert starts == 0
    if seconds is None:
        assert year == UNTIL_WOKEN
    else:
        left = await due_in(conn, claimed.id)
        assert left is not None
        assert seconds - 60 < left <= seconds


async def test_it_is_due_at_the_first_of_several_waits(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await wait_for(conn, claimed, "packed", seconds=3600)
    await sleep(conn, claimed, 90)
    await wait_for(conn, claimed, "paid")
    await suspend(conn, claimed)
    left = await due_in(conn, claimed.id)
    assert left is not None
    assert 0 < left <= 90


async def test_a_signal_wakes_a_suspended_task_which_takes_it(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await wait_for(conn, claimed, "packed", "lost")
    await suspend(conn, claimed)
    assert await steps.signal(conn, claimed.id, "other", "1") == "sent"
    assert not await is_ready(conn, claimed.id)
    assert await steps.signal(conn, claimed.id, "lost", '{"by":"Eva"}') == "sent"
    [again] = await claim(conn, worker)
    assert again.attempt == 1
    answer = await wait_for(conn, again, "packed", "lost")
    assert answer == Row("packed|lost", 0, "signal", "completed", '{"by":"Eva"}', 12, "lost")
    assert await stored(conn, again) == [("packed|lost", "completed")]


async def test_signals_are_kept_in_order_also_before_the_task_starts(conn: Conn, worker: str) -> None:
    [task_id] = await enqueue(conn)
    for value in ("1", "2"):
        await steps.signal(conn, task_id, "packed", value)
    [claimed] = await claim(conn, worker)
    answers = [await wait_for(conn, claimed, "packed", occurrence=number) for number in range(3)]
    assert [answer.result for answer in answers if isinstance(answer, Row)] == ["1", "2", None]


async def test_one_that_came_while_the_task_suspended_wakes_it_at_once(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await wait_for(conn, claimed, "packed")
    await steps.signal(conn, claimed.id, "packed", "null")
    await suspend(conn, claimed)
    assert await is_ready(conn, claimed.id)


async def test_a_wait_that_is_over_stays_so_and_leaves_the_signal_to_the_next(
    conn: Conn, worker: str
) -> None:
    claimed = await running(conn, worker)
    answer = await wait_for(conn, claimed, "packed", seconds=0)
    assert isinstance(answer, Row)
    assert answer.outcome == "timed_out"
    await steps.signal(conn, claimed.id, "packed", "7")
    assert await wait_for(conn, claimed, "packed", seconds=0) == answer
    following = await wait_for(conn, claimed, "packed", occurrence=1)
    assert isinstance(following, Row)
    assert following.result == "7"


async def test_a_signal_does_not_cut_the_wait_for_a_retry_short(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await wait_for(conn, claimed, "packed")
    await end(conn, claimed, Raised("no"))
    await steps.signal(conn, claimed.id, "packed", "null")
    assert not await is_ready(conn, claimed.id)


async def test_a_wait_that_the_last_attempt_passed_by_wakes_nobody(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await wait_for(conn, claimed, "first")
    await suspend(conn, claimed)
    await actions.run_now(conn, claimed.id)
    [again] = await claim(conn, worker)
    await wait_for(conn, again, "second")
    await suspend(conn, again)
    await steps.signal(conn, claimed.id, "first", "null")
    assert not await is_ready(conn, claimed.id)


async def test_a_name_of_another_kind_is_told(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    await step(conn, claimed, "packed")
    answer = await wait_for(conn, claimed, "packed")
    assert isinstance(answer, Row)
    assert answer.kind == "step"


@pytest.mark.parametrize("how", ["unknown", "ended"])
async def test_a_signal_to_no_task_is_refused(conn: Conn, worker: str, how: str) -> None:
    claimed = await running(conn, worker)
    await complete(conn, [claimed])
    task_id = claimed.id if how == "ended" else new_ids(1)[0]
    assert await steps.signal(conn, task_id, "packed", "null") == how


class TestOtherTasks:
    """A durable task waits for another task, which is `version` 8 if it was spawned."""

    async def waiting(self, conn: Conn, worker: str, version: int) -> tuple[Claim, Claim]:
        """One that is suspended, and the running task that it waits for."""
        claimed = await running(conn, worker)
        [child_id] = new_ids(1, version)
        await enqueue(conn, id=child_id)
        [child] = await claim(conn, worker)
        assert waits(await wait_for_task(conn, claimed, child.id))
        await suspend(conn, claimed)
        return claimed, child

    async def taken(self, conn: Conn, worker: str, child: str) -> Row:
        [again] = await claim(conn, worker)
        answer = await wait_for_task(conn, again, child)
        assert isinstance(answer, Row)
        return answer

    async def test_the_end_of_a_spawned_one_wakes_it(self, conn: Conn, worker: str) -> None:
        claimed, child = await self.waiting(conn, worker, 8)
        assert (
            await first_value(conn, "SELECT date_part('year', due_at)::integer FROM lapinq_delayed")
            == UNTIL_WOKEN
        )
        await complete(conn, [child], "42")
        assert await is_ready(conn, claimed.id)
        answer = await self.taken(conn, worker, child.id)
        assert (answer.outcome, answer.result, answer.taken) == ("completed", "42", "completed")

    async def test_so_does_its_failure(self, conn: Conn, worker: str) -> None:
        _, child = await self.waiting(conn, worker, 8)
        await end(conn, child, Unretryable("no"))
        answer = await self.taken(conn, worker, child.id)
        assert (answer.outcome, answer.result, answer.taken) == ("failed", '"no"', "failed")

    async def test_so_does_its_deletion(self, conn: Conn, worker: str) -> None:
        _, child = await self.waiting(conn, worker, 8)
        await complete(conn, [child])
        async with conn.transaction():
            await conn.execute("DELETE FROM lapinq_attempts WHERE task_id = %s", (child.id,))
            await conn.execute("DELETE FROM lapinq_tasks WHERE id = %s", (child.id,))
        answer = await self.taken(conn, worker, child.id)
        assert (answer.outcome, answer.taken) == ("failed", "deleted")

    async def test_for_any_other_it_looks_again_after_a_while(self, conn: Conn, worker: str) -> None:
        claimed, child = await self.waiting(conn, worker, 7)
        left = await due_in(conn, claimed.id)
        assert left is not None
        assert 0 < left <= 1
        await complete(conn, [child], "42")
        assert not await is_ready(conn, claimed.id)
        assert await status(conn, claimed.id) == "pending"


async def test_a_task_that_is_not_there_has_failed(conn: Conn, worker: str) -> None:
    claimed = await running(conn, worker)
    answer = await wait_for_task(conn, claimed, new_task().id)
    assert isinstance(answer, Row)
    assert (answer.outcome, answer.taken) == ("failed", "deleted")
