"""The ends of attempts reach the database: in batches, once each, whatever is wrong with one of them."""

# pyright: reportPrivateUsage=false

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import psycopg
import pytest

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.outcome import (
    Committed,
    Completed,
    Interrupted,
    Raised,
    RetryAsked,
    Throttled,
    Unstarted,
)
from lapinq_core.limits import named_limits
from lapinq_worker.reporting.progress import ProgressReporter
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.settling import outcome_buffer
from lapinq_worker.settling import settler as settler_module
from lapinq_worker.settling.completion_notices import CompletionNotices
from lapinq_worker.settling.settler import Settler
from tests.integration.lapinq_worker.desk import Desk, Ended, task_of, until
from tests.support.database.invariants import check_rows
from tests.support.database.outage import read_only
from tests.support.database.proxy import proxy
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim
from tests.support.sample import tasks


@asynccontextmanager
async def settling(
    url: str,
    woken: set[str] | None = None,
    notices: CompletionNotices | None = None,
    before_write: Callable[[PinnedConnection], Awaitable[None]] | None = None,
) -> AsyncGenerator[Settler]:
    """A settler that runs; at the end it has written everything."""
    settler = Settler(
        url, (set[str]() if woken is None else woken).update, notices=notices, before_write=before_write
    )
    running = asyncio.create_task(settler.run())
    try:
        yield settler
        async with asyncio.timeout(20):
            await settler.flushed()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def claimed(desk: Desk, count: int, **values: object) -> list[Claim]:
    """Claims of that many new tasks."""
    await desk.hand_in_many([task_of(tasks.noop, **values) for _ in range(count)])
    return await claim(desk.conn, await add_worker(desk.conn), count)


def job(held: Claim) -> Job:
    return Job(held, Target(tasks.noop), Host(Limits()))


async def found(desk: Desk, held: Iterable[Claim]) -> list[Ended]:
    """Where the tasks of the claims stand, in their order."""
    tasks = {task.id: task for task in await desk.find(*(one.id for one in held))}
    return [tasks[one.id] for one in held]


async def test_each_outcome_has_its_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_buffer, "MAX_BATCH", 50)
    held = await claimed(desk, 60)  # more than a batch
    raised, asked, interrupted, unstarted, *returned = held
    woken = set[str]()
    async with settling(desk.url, woken) as settler:
        for n, one in enumerate(returned):
            settler.add(job(one), Completed(str(n)), 0.001)
        settler.add(job(raised), Raised("ValueError: no", "Traceback …"), 0.5)
        settler.add(job(asked), RetryAsked(60.0, "later"), 0.5)
        settler.add(job(interrupted), Interrupted(), 0.5)
        settler.add(job(unstarted), Unstarted(), 0.0)
    results = "SELECT count(DISTINCT result) FROM lapinq_attempts WHERE outcome = 'completed'"
    assert await desk.value(results) == len(returned)
    assert await desk.value("SELECT count(*) FROM lapinq_ready") == 3
    for one, starts in ((raised, 1), (interrupted, 0), (unstarted, 0)):
        assert await desk.value("SELECT starts FROM lapinq_ready WHERE id = %s", one.id) == starts
    assert await desk.value("SELECT starts FROM lapinq_delayed WHERE id = %s", asked.id) == 1
    assert woken == {"default"}
    await check_rows(desk.conn, [one.id for one in held])


async def test_what_the_database_refuses_of_an_end_fails_or_is_replaced_alone(desk: Desk) -> None:
    # A result that can't be stored isn't tried again, though retries are left.
    retries = [3 if n in (7, 50) else 0 for n in range(100)]
    await desk.hand_in_many([task_of(tasks.noop, max_retries=most) for most in retries])
    held = await claim(desk.conn, await add_worker(desk.conn), 100)
    bad = {held[7].id, held[50].id}
    unreadable = held[11].id
    async with settling(desk.url) as settler:
        for n, one in enumerate(held):
            outcome = Raised("a\x00b" if one.id == unreadable else "no", None)
            if n % 2 == 0 or one.id in bad:
                outcome = Completed("\x00" if one.id in bad else "1")
            settler.add(job(one), outcome, 0.001)
    for n, task in enumerate(await found(desk, held)):
        if task.id in bad:
            assert task.error is not None
            assert task.error.startswith("the function ran to its end, but its result can't be stored: ")
        elif task.id == unreadable:
            assert task.error == "the attempt failed, and its error can't be stored"
        else:
            assert task.error == (None if n % 2 == 0 else "no")
        assert (task.status, task.attempts) == ("completed" if task.error is None else "failed", 1)


async def test_an_end_that_cannot_be_written_blocks_nobody_and_is_kept(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    cursed, *others = await claimed(desk, 20, max_retries=0)
    await desk.conn.execute(
        f"ALTER TABLE lapinq_attempts ADD CONSTRAINT test_curse CHECK (task_id <> '{cursed.id}')".encode()
    )
    async with settling(desk.url) as settler:
        settler.add(job(cursed), Completed("1"), 0.001)
        for one in others:
            settler.add(job(one), Completed("1"), 0.001)
        await desk.until("SELECT count(*) = 19 FROM lapinq_attempts WHERE outcome = 'completed'")
        assert await desk.status(cursed.id) == "running"
        await desk.conn.execute("ALTER TABLE lapinq_attempts DROP CONSTRAINT test_curse")
    assert await desk.status(cursed.id) == "completed"
    assert caplog.text.count("Traceback") == 1


async def test_progress_that_cannot_be_written_keeps_no_outcome(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler_module, "PROGRESS_SECONDS", 0.2)
    running, ended = await claimed(desk, 2)
    progress = ProgressReporter(None)  # pyright: ignore[reportArgumentType]  # only `run` needs the pool
    progress.note(running, 10, None)
    async with await Conn.open(desk.url) as other, other.transaction():
        await other.execute("SELECT FROM lapinq_running WHERE id = %s FOR UPDATE", (running.id,))
        async with settling(desk.url, before_write=progress.flush) as settler:
            settler.add(job(ended), Completed("1"), 0.001)
    assert await desk.status(ended.id) == "completed"


async def test_large_results_go_in_several_statements(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_buffer, "MAX_BATCH_CHARACTERS", 10_000)
    monkeypatch.setattr(settler_module, "MAX_BACKLOG_CHARACTERS", 100_000)
    held = await claimed(desk, 60)
    async with settling(desk.url) as settler:
        for one in held:
            settler.add(job(one), Completed(f'"{"x" * 3000}"'), 0.001)
        settler.add(
            job(held[0]), Completed(f'"{"x" * 30_000}"'), 0.001
        )  # larger than a batch; ends nothing twice
        assert settler.is_full
        assert len(settler._done.batch()) == 3
    assert not settler.is_full
    assert settler._done.characters == 0
    assert {task.status for task in await found(desk, held)} == {"completed"}


async def test_an_outcome_whose_claim_was_lost_changes_nothing_and_our_own_repeated_write_is_no_loss(
    desk: Desk,
) -> None:
    one, other, third, failed, forgotten = held = await claimed(desk, 5)
    for lost in (one, other):
        lost.token = "11111111-1111-4111-8111-111111111111"
    known, forgotten.id = forgotten.id, ""  # fire and forget leaves nothing to write
    async with settling(desk.url) as settler:
        settler.add(job(one), Completed("1"), 0.001)
        settler.add(job(other), Raised("no"), 0.001)
        settler.add(job(forgotten), Completed("1"), 0.001)
        settler.add(job(forgotten), Raised("no"), 0.001)
        for _ in range(2):
            settler.add(job(third), Completed("3"), 0.001)
            settler.add(job(failed), Raised("no"), 0.001)
            await settler.flushed()
    assert settler.lost_count == 2
    statuses = [await desk.status(each.id or known) for each in held]
    assert statuses == ["running", "running", "completed", "pending", "running"]
    assert len(await desk.attempts(third.id)) == len(await desk.attempts(failed.id)) == 1


async def test_a_connection_that_answers_nothing_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler_module, "STATEMENT_DEADLINE_SECONDS", 0.5)
    first, second, *others = held = await claimed(desk, 22)
    with proxy(desk.url) as way:
        async with settling(way.url) as settler:
            settler.add(job(first), Completed("1"), 0.001)
            await settler.flushed()
            way.swallow()
            settler.add(job(second), Completed("1"), 0.001)
            await until(lambda: way.connections == 2)  # psycopg asks the server to cancel, and waits for that
            way.heal()
            await settler.flushed()
            assert await desk.status(second.id) == "completed"
            way.cut()  # outcomes wait while the database is away
            for one in others:
                settler.add(job(one), Completed("1"), 0.001)
            await asyncio.sleep(0.3)
            assert await desk.value("SELECT count(*) FROM lapinq_attempts") == 2
            way.heal()
    assert {task.status for task in await found(desk, held)} == {"completed"}
    assert settler.lost_count == 0


async def test_outcomes_wait_while_the_database_is_read_only(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    held = await claimed(desk, 100, max_retries=0)
    async with settling(desk.url) as settler:
        with read_only(desk.url):
            settler.add(job(held[0]), Completed("1"), 0.001)
            await until(lambda: "read-only" in caplog.text)
            for one in held[1:]:
                settler.add(job(one), Raised("no"), 0.001)
            assert await desk.value("SELECT count(*) FROM lapinq_attempts") == 0
    ended = await found(desk, held)
    assert [(task.status, task.error) for task in ended] == [("completed", None), *[("failed", "no")] * 99]
    assert settler.lost_count == 0


async def test_a_database_too_slow_for_a_batch_gets_smaller_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler_module, "STATEMENT_DEADLINE_SECONDS", 0.4)
    held = await claimed(desk, 120)
    await slow_down(desk, 0.005)
    async with settling(desk.url) as settler:
        for one in held:
            settler.add(job(one), Completed("1"), 0.001)
    await check_rows(desk.conn, [one.id for one in held])
    assert await desk.value("SELECT count(*) FROM lapinq_attempts") == 120


async def slow_down(desk: Desk, seconds: float) -> None:
    """Each end that is written takes the database that long."""
    await desk.conn.execute(
        "CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_sleep({seconds}); RETURN new; END $$;"
        " CREATE TRIGGER test_slow BEFORE INSERT ON lapinq_attempts FOR EACH ROW"
        " EXECUTE FUNCTION test_slow()".encode()
    )


async def test_connections_that_break_in_the_middle_lose_nothing(desk: Desk) -> None:
    held = await claimed(desk, 400)
    async with settling(desk.url) as settler:
        for n, one in enumerate(held):
            settler.add(job(one), Completed("1") if n % 3 else Raised("no"), 0.001)
            if n % 50 == 0:
                await desk.conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'lapinq-worker settle'"
                )
    assert settler.lost_count == 0
    await check_rows(desk.conn, [one.id for one in held])
    assert await desk.value("SELECT count(*) FROM lapinq_running") == 0


async def test_ends_that_change_limits_are_written_beside_others(desk: Desk) -> None:
    await named_limits.set_limit(desk.conn, "units", None, Rate(1, 36_000, 100), by=SOMEBODY)
    woken = set[str]()
    held = await claimed(desk, 5, limits={"units": 10}, max_retries=0)
    refused, unstorable, failed, missing, plain = map(job, held)
    async with settling(desk.url, woken) as settler:
        for one in (refused, unstorable, failed):
            one.spend("units", 4)
        settler.add(refused, Throttled("units", 30.0), 0.1)
        settler.add(unstorable, Completed("\x00"), 0.1)
        settler.add(failed, Raised("E: no"), 0.1)
        settler.add(missing, Throttled("other", 30.0), 0.1)
        settler.add(plain, Completed("1"), 0.1)
    ended = await found(desk, held)
    assert [task.status for task in ended] == ["pending", *["failed"] * 3, "completed"]
    assert ended[3].error == "RateLimited: there is no limit with the name 'other'"
    limit = await named_limits.get_limit(desk.conn, "units")
    assert limit is not None
    assert limit.tokens == pytest.approx(100 - 3 * 4 - 2 * 10, abs=0.1)
    assert limit.closed_until is not None
    assert woken == {"default"}
    await check_rows(desk.conn, [one.id for one in held])


async def test_an_end_that_changes_limits_is_written_once_by_two(desk: Desk) -> None:
    await named_limits.set_limit(desk.conn, "units", None, Rate(1, 36_000, 100), by=SOMEBODY)
    held = await claimed(desk, 5, limits={"units": 10})
    settlers = [Settler(desk.url, lambda _: None) for _ in range(2)]
    for one in held:
        spender = job(one)
        spender.spend("units", 4)
        settlers[0].add(spender, Completed("1"), 0.1)
    settlers[1].adopt(settlers[0])
    await asyncio.gather(*(one.write_all(20) for one in settlers))
    limit = await named_limits.get_limit(desk.conn, "units")
    assert limit is not None
    assert limit.tokens == pytest.approx(80, abs=0.1)


async def test_the_ends_of_tasks_that_are_waited_for_are_told_once_they_are_there(desk: Desk) -> None:
    completed, failed, other, in_a_transaction = held = await claimed(desk, 4, max_retries=0)
    seen: list[tuple[str, int]] = []
    with psycopg.connect(desk.url, autocommit=True) as watch:

        def tell(ids: Iterable[str]) -> None:
            query = "SELECT count(*) FROM lapinq_attempts WHERE final AND task_id = %s"
            for task_id in ids:
                row = watch.execute(query, (task_id,)).fetchone()
                assert row is not None
                seen.append((task_id, row[0]))

        notices = CompletionNotices(tell)
        notices.heard(" ".join(one.id for one in held if one is not other))
        async with settling(desk.url, notices=notices) as settler:
            settler.add(job(completed), Completed("1"), 0.001)
            settler.add(job(failed), Raised("no"), 0.001)
            settler.add(job(other), Completed("1"), 0.001)
            by_itself = job(in_a_transaction)
            by_itself.is_committed = True
            settler.add(by_itself, Committed(), 0.001)
    # The last one is told of as soon as its worker says so: the end was its own.
    assert sorted(seen) == sorted([(completed.id, 1), (failed.id, 1), (in_a_transaction.id, 0)])
