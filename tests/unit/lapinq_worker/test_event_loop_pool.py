"""Coroutines in slots: each in its own context, ended at its limit, and none can harm the slot it runs in."""

import asyncio
import contextlib
import contextvars
import time
import timeit
import types
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.context import current_task
from lapinq_core.domain.errors import NoTask, RetryError
from lapinq_core.domain.handling import Handling
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.outcome import (
    Cancelled,
    Committed,
    Completed,
    Interrupted,
    Raised,
    Refused,
    RetryAsked,
    TimedOut,
    Unstorable,
    WorkerLost,
)
from lapinq_worker.job import Job
from lapinq_worker.limits import Limits
from lapinq_worker.pools import event_loop
from tests.support import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.conftest import Run
from tests.unit.lapinq_worker.workbench import Workbench, coroutines, until

variable = contextvars.ContextVar("variable", default="unset")
NULL = Completed("null")
CANCELLED = Cancelled("stopped on request")


async def remember(value: str) -> str:
    """Sets the variable, and answers what it was before and is after others have run."""
    before = variable.get()
    variable.set(value)
    await asyncio.sleep(0)
    return f"{before} {variable.get()}"


async def forget(value: str) -> None:
    token = variable.set(value)
    try:
        await asyncio.sleep(60)
    finally:
        variable.reset(token)


async def raise_cancelled() -> None:
    raise asyncio.CancelledError


async def await_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancel_own_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancel_own_task_and_wait() -> None:
    await cancel_own_task()
    await asyncio.sleep(60)


async def swallow_own_cancellation() -> str:
    try:
        await cancel_own_task_and_wait()
    except asyncio.CancelledError:
        return "swallowed"
    return "never"


async def cancel_task_later(seconds: float) -> None:
    """Leaves a timer behind that cancels the slot when something else runs there, or nothing."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(seconds, task.cancel)


async def swallow_and_return() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "late"
    return "never"


async def swallow_and_fail() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ValueError("torn down") from None


async def await_stubborn_task() -> None:
    await asyncio.create_task(tasks.stubborn())


async def exit_program() -> None:
    raise SystemExit(3)


async def interrupt_program() -> None:
    await asyncio.sleep(0)
    raise KeyboardInterrupt


async def stop_iteration() -> None:
    raise StopIteration("x")


async def timed_out_inside() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        await asyncio.sleep(0)
        return "timed out"
    return "never"


async def timed_out_in_the_end() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(60)


async def grouped() -> list[str]:
    async with asyncio.TaskGroup() as group:
        inner = [group.create_task(remember(str(n))) for n in range(3)]
    return [task.result() for task in inner]


async def grouped_with_failure() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(tasks.afail("inside"))


@types.coroutine
def generated() -> Generator[None, None, str]:
    yield
    return "generated"


async def await_generated() -> str:
    return await generated()


class Awaitable:
    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "awaited"


async def await_awaitable() -> str:
    return await Awaitable()


@asynccontextmanager
async def resource(log: list[str]) -> AsyncGenerator[None]:
    log.append("opened")
    try:
        yield
    finally:
        log.append("closed")


CLOSED = list[str]()


async def hold_resource() -> None:
    async with resource(CLOSED):
        await tasks.stubborn()


async def busy(seconds: float) -> None:
    """Computes without waiting."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def pool_of(bench: Workbench) -> event_loop.EventLoopPool:
    assert isinstance(bench.pool, event_loop.EventLoopPool)
    return bench.pool


async def check_every_slot_works(bench: Workbench) -> None:
    """Each place runs something, at the same time."""
    limit = bench.dispatcher.limit
    jobs = [make_job(tasks.asleep, 0.01) for _ in range(2 * limit)]
    assert await bench.run(*jobs) == [Completed('"slept"')] * (2 * limit)


def test_coroutines_return_and_raise(run: Run) -> None:
    async def test() -> None:
        async with coroutines() as bench:
            returned, failed, retried, unstorable = await bench.run(
                make_job(tasks.aadd, 1, 2),
                make_job(tasks.afail, "no"),
                make_job(ask_again),
                make_job(give_unstorable),
            )
            assert returned == Completed("3")
            assert isinstance(failed, Raised)
            assert failed.error == "ValueError: no"
            assert failed.traceback is not None
            assert failed.traceback.splitlines()[1].endswith("in afail")
            assert isinstance(retried, RetryAsked)
            assert isinstance(unstorable, Unstorable)

    run(test)


async def ask_again() -> None:
    raise RetryError(1.5)


async def say_much() -> str:
    return "x" * 20


async def give_unstorable() -> object:
    return object()


def test_arguments_that_do_not_fit_are_the_tasks_failure(run: Run) -> None:
    async def test() -> None:
        async with coroutines() as bench:
            (outcome,) = await bench.run(make_job(tasks.aadd, 1, 2, 3))
            assert isinstance(outcome, Raised)
            assert outcome.error.startswith("TypeError: aadd() takes 2 positional arguments")
            await check_every_slot_works(bench)

    run(test)


def test_at_most_the_limit_runs_at_once(run: Run) -> None:
    running = most = 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    async def test() -> None:
        async with coroutines(limit=3) as bench:
            await bench.run(*[make_job(count) for _ in range(20)])
            assert most == 3

    run(test)


def test_coroutines_start_in_the_order_they_are_offered(run: Run) -> None:
    started = list[int]()

    async def note(number: int) -> None:
        started.append(number)
        await asyncio.sleep(0)

    async def test() -> None:
        async with coroutines(limit=3) as bench:
            await bench.run(*[make_job(note, n) for n in range(50)])
            assert started == list(range(50))
            started.clear()

    run(test)


def test_context_variables_do_not_leak_into_the_next_coroutine(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            jobs = [make_job(remember, str(n)) for n in range(3)]
            assert await bench.run(*jobs) == [Completed(f'"unset {n}"') for n in range(3)]
            assert variable.get() == "unset"

    run(test)


def test_context_variables_are_seen_in_tasks_that_a_coroutine_starts(run: Run) -> None:
    async def parent() -> str:
        variable.set("parent")
        return await asyncio.create_task(remember("child")) + " " + variable.get()

    async def test() -> None:
        async with coroutines() as bench:
            assert await bench.run(make_job(parent)) == [Completed('"parent child parent"')]

    run(test)


def test_a_context_variable_can_be_reset_at_the_time_limit(run: Run) -> None:
    async def test() -> None:
        async with coroutines(time_limit=0.05) as bench:
            assert await bench.run(make_job(forget, "x")) == [TimedOut(0.05)]

    run(test)


def test_a_coroutine_is_cancelled_at_its_time_limit(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.05) as bench:
            late, quick = await bench.run(make_job(tasks.asleep, 60), make_job(tasks.aadd, 1, 1))
            assert (late, quick) == (TimedOut(0.05), Completed("2"))
            await check_every_slot_works(bench)

    run(test)


def test_the_time_limit_counts_from_its_own_start(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.2) as bench:
            jobs = [make_job(tasks.asleep, 0.08) for _ in range(5)]
            assert await bench.run(*jobs) == [Completed('"slept"')] * 5

    run(test)


def test_a_coroutine_that_returns_after_its_cancellation_has_completed(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.05) as bench:
            assert await bench.run(make_job(swallow_and_return)) == [Completed('"late"')]
            # The slot's task still carried the cancellation: a CancelledError of the next coroutine is its own.
            (outcome,) = await bench.run(make_job(raise_cancelled))
            assert isinstance(outcome, Raised)
            await check_every_slot_works(bench)

    run(test)


def test_what_a_coroutine_makes_of_its_cancellation_is_the_time_limit_all_the_same(run: Run) -> None:
    async def test() -> None:
        async with coroutines(time_limit=0.05) as bench:
            assert await bench.run(make_job(swallow_and_fail)) == [TimedOut(0.05)]

    run(test)


def test_a_stubborn_coroutine_is_closed_and_its_place_is_free(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.05, time_limit_grace=0.1) as bench:
            await check_every_slot_works(bench)
            before = len(asyncio.all_tasks())
            CLOSED.clear()
            assert await bench.run(make_job(hold_resource)) == [TimedOut(0.05)]
            assert CLOSED == ["opened", "closed"]
            await check_every_slot_works(bench)
            await until(lambda: len(asyncio.all_tasks()) == before)

    run(test)


def test_a_coroutine_that_waits_for_a_stubborn_task_is_left_behind(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.05, time_limit_grace=0.1) as bench:
            before = asyncio.all_tasks()
            assert await bench.run(make_job(await_stubborn_task)) == [TimedOut(0.05)]
            await check_every_slot_works(bench)
            # The task that it started is nobody's any more. Taken out of the loop here, for the loop can't end it.
            for stray in asyncio.all_tasks() - before:
                coroutine = stray.get_coro()
                if getattr(coroutine, "__name__", "") == "stubborn":
                    coroutine.close()  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
                    stray.cancel()

    run(test)


@pytest.mark.parametrize(
    "function",
    [raise_cancelled, await_cancelled, cancel_own_task_and_wait],
    ids=lambda function: function.__name__,
)
def test_a_cancellation_from_inside_is_a_failure_of_the_task(run: Run, function: Any) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            (outcome,) = await bench.run(make_job(function))
            assert outcome == Raised("CancelledError: the coroutine was cancelled from inside")
            await check_every_slot_works(bench)

    run(test)


@pytest.mark.parametrize(
    ("function", "outcome"), [(cancel_own_task, NULL), (swallow_own_cancellation, Completed('"swallowed"'))]
)
def test_a_cancellation_that_a_coroutine_leaves_behind_harms_nobody(
    run: Run, function: Any, outcome: Completed
) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            jobs = [
                make_job(function),
                make_job(tasks.asleep, 0.01),
                make_job(function),
                make_job(tasks.aadd, 1, 1),
            ]
            assert await bench.run(*jobs) == [outcome, Completed('"slept"'), outcome, Completed("2")]
            await check_every_slot_works(bench)

    run(test)


def test_a_cancellation_that_hits_an_idle_slot_does_not_cost_the_slot(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            await check_every_slot_works(bench)
            (slot,) = (task for task in asyncio.all_tasks() if task.get_name() == "lapinq slot")
            assert await bench.run(make_job(cancel_task_later, 0.01)) == [NULL]
            await until(slot.done)
            await check_every_slot_works(bench)

    run(test)


def test_a_slot_cancelled_while_a_job_is_on_its_way_does_not_lose_it(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            await check_every_slot_works(bench)
            await asyncio.sleep(0.01)  # the slot waits
            (slot,) = (task for task in asyncio.all_tasks() if task.get_name() == "lapinq slot")
            job = make_job(tasks.aadd, 2, 2)
            bench.dispatcher.offer([job])
            slot.cancel()
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == Completed("4")

    run(test)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (exit_program, "SystemExit: 3"),
        (interrupt_program, "KeyboardInterrupt"),
        (stop_iteration, "RuntimeError: coroutine raised StopIteration"),
    ],
)
def test_what_would_end_the_program_ends_only_the_coroutine(run: Run, function: Any, error: str) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            (outcome,) = await bench.run(make_job(function))
            assert isinstance(outcome, Raised)
            assert outcome.error == error
            await check_every_slot_works(bench)

    run(test)


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (timed_out_inside, '"timed out"'),
        (grouped, '["unset 0","unset 1","unset 2"]'),
        (await_generated, '"generated"'),
        (await_awaitable, '"awaited"'),
    ],
)
def test_what_asyncio_offers_works_inside(run: Run, function: Any, result: str) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            jobs = [make_job(function) for _ in range(3)]
            assert await bench.run(*jobs) == [Completed(result)] * 3

    run(test)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (timed_out_in_the_end, "TimeoutError"),
        (grouped_with_failure, "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"),
    ],
)
def test_timeouts_and_groups_fail_as_they_do_elsewhere(run: Run, function: Any, error: str) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            for _ in range(2):
                (outcome,) = await bench.run(make_job(function))
                assert isinstance(outcome, Raised)
                assert outcome.error == error

    run(test)


def test_the_time_limit_reaches_into_a_group(run: Run) -> None:
    ended = list[str]()

    async def inner() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("inner")

    async def outer() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())

    async def test() -> None:
        async with coroutines(time_limit=0.05) as bench:
            assert await bench.run(make_job(outer)) == [TimedOut(0.05)]
            assert ended.pop() == "inner"

    run(test)


def test_coroutines_that_never_wait_do_not_keep_others_from_the_loop(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=4) as bench:
            jobs = [make_job(busy, 0.002) for _ in range(150)]
            bench.dispatcher.offer(jobs)
            turns = 0
            while len(bench.settled) < len(jobs):
                await asyncio.sleep(0)
                turns += 1
            # Slots may go on for 10 ms each: 300 ms of work in four slots are seven turns at least.
            assert turns >= 6

    run(test)


def test_an_interruption_gives_back_what_runs(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=2) as bench:
            jobs = [make_job(tasks.asleep, 60), make_job(swallow_and_fail)]
            bench.dispatcher.offer(jobs)
            await until(lambda: bench.dispatcher.active == 2)
            await asyncio.sleep(0.01)
            pool_of(bench).interrupt(Interrupted())
            await until(lambda: len(bench.settled) == 2)
            assert bench.outcomes == [Interrupted(), Interrupted()]
            await check_every_slot_works(bench)

    run(test)


def test_an_interruption_reaches_a_job_on_its_way_to_a_slot(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            await check_every_slot_works(bench)
            await asyncio.sleep(0.01)
            job = make_job(tasks.asleep, 60)
            bench.dispatcher.offer([job])
            pool_of(bench).interrupt(Interrupted())
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == Interrupted()

    run(test)


def test_an_interruption_leaves_the_idle_alone(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=2) as bench:
            pool_of(bench).interrupt(Interrupted())
            pool_of(bench).interrupt(Interrupted())
            await check_every_slot_works(bench)

    run(test)


def test_an_interruption_because_the_worker_is_lost_tells_the_coroutine(run: Run) -> None:
    seen = list[bool]()

    async def look_when_cancelled() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(current_task().lease_lost)

    async def test() -> None:
        async with coroutines(limit=1) as bench:
            for outcome, is_lost in ((Interrupted(), False), (WorkerLost("me"), True)):
                job = await begin(bench, look_when_cancelled)
                pool_of(bench).interrupt(outcome)
                await until(lambda job=job: bench.ends[job])
                assert bench.outcome(job) == outcome
                assert seen.pop() is is_lost

    run(test)


async def begin(bench: Workbench, function: Any, *args: Any, time_limit: float | None = None) -> Job:
    """A job that runs, and waits."""
    job = make_limited_job(function, time_limit, *args)
    bench.dispatcher.offer([job])
    await until(lambda: job.started and pool_of(bench).stepped is None)
    return job


def test_each_coroutine_knows_its_own_task(run: Run) -> None:
    ids = list[tuple[str, str]]()

    async def note(job_id: str) -> None:
        ids.append((job_id, current_task().id))
        await asyncio.sleep(0)
        ids.append((job_id, current_task().id))
        ids.append((job_id, await asyncio.create_task(inner())))

    async def inner() -> str:
        await asyncio.sleep(0.001)
        return current_task().id

    async def test() -> None:
        async with coroutines(limit=3) as bench:
            jobs = [make_job(note) for _ in range(20)]
            for job in jobs:
                job.claim.args = msgspec.Raw(msgspec.json.encode([job.claim.id]))
            assert await bench.run(*jobs) == [NULL] * 20
        assert len(ids) == 60
        assert all(known == own for known, own in ids)
        with pytest.raises(NoTask):
            current_task()

    run(test)


def test_a_task_left_on_the_loop_goes_on_knowing_where_it_came_from(run: Run) -> None:
    async def leave_behind() -> None:
        later.append(asyncio.create_task(say()))

    async def say() -> str:
        await gate.wait()
        return current_task().id

    later = list[asyncio.Task[str]]()
    gate = asyncio.Event()

    async def test() -> None:
        async with coroutines(limit=1) as bench:
            first = make_job(leave_behind)
            await bench.run(first, make_job(tasks.aadd, 1, 1))
            gate.set()
            assert await later[0] == first.claim.id

    run(test)


def test_what_the_decorator_says_of_failures_counts(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, max_result_size=10) as bench:
            refused = make_job(tasks.afail, "no")
            refused.target.handling = Handling(no_retry_for=(ValueError,))
            failed, big = await bench.run(refused, make_job(say_much))
            assert isinstance(failed, Refused)
            assert isinstance(big, Unstorable)

    run(test)


def test_a_coroutine_is_cancelled_on_request(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=2) as bench:
            job, other = await begin(bench, tasks.asleep, 60), await begin(bench, tasks.asleep, 0.2)
            assert not pool_of(bench).cancel(job.claim.id, "another token", CANCELLED)
            assert not pool_of(bench).cancel(new_id(), job.claim.token, CANCELLED)
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            assert job.is_cancelled
            await until(lambda: bench.ends[job] and bench.ends[other])
            assert bench.outcome(job) == CANCELLED
            assert bench.outcome(other) == Completed('"slept"')
            assert not other.is_cancelled
            assert not pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await check_every_slot_works(bench)

    run(test)


@pytest.mark.parametrize("function", [swallow_and_return, swallow_and_fail])
def test_after_a_request_a_coroutine_is_cancelled_whatever_it_comes_to(run: Run, function: Any) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            job = await begin(bench, function)
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED
            await check_every_slot_works(bench)

    run(test)


def test_a_request_that_comes_again_cancels_once(run: Run) -> None:
    cancellations = list[str]()

    async def count() -> None:
        while len(cancellations) < 2:
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                cancellations.append("once more")
            else:
                return

    async def test() -> None:
        async with coroutines(limit=1) as bench:
            job = await begin(bench, count)
            for _ in range(3):
                assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
                await asyncio.sleep(0.001)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED
            assert cancellations.copy() == ["once more"]
            cancellations.clear()

    run(test)


def test_a_request_reaches_a_job_on_its_way_to_a_slot(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1) as bench:
            await check_every_slot_works(bench)
            await asyncio.sleep(0.01)
            job = make_job(tasks.asleep, 60)
            bench.dispatcher.offer([job])
            pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED

    run(test)


def test_a_coroutine_that_ignores_a_request_is_left_behind(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, cancel_grace=0.1) as bench:
            CLOSED.clear()
            job = await begin(bench, hold_resource)
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED
            assert CLOSED == ["opened", "closed"]
            await check_every_slot_works(bench)

    run(test)


def test_a_request_after_the_time_limit_wins_and_gives_no_more_time(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.05, time_limit_grace=0.3, cancel_grace=60) as bench:
            job = await begin(bench, tasks.stubborn)
            await until(lambda: pool_of(bench).held()[0][1] == TimedOut(0.05))
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED

    run(test)


def test_a_request_just_before_the_time_limit_gives_no_more_time_than_the_limit(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.5, time_limit_grace=0.1, cancel_grace=60) as bench:
            job = await begin(bench, tasks.stubborn)
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await until(lambda: bench.ends[job])
            assert bench.outcome(job) == CANCELLED

    run(test)


@pytest.mark.parametrize("order", ["cancel", "time limit", None])
def test_what_ended_itself_stays_ended(run: Run, order: str | None) -> None:
    async def commit_and_wait() -> None:
        (job,) = running
        job.is_committed = True
        if order is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    running = list[Job]()

    async def test() -> None:
        async with coroutines(limit=1, time_limit=0.2 if order == "time limit" else 60) as bench:
            running[:] = [make_job(commit_and_wait)]
            bench.dispatcher.offer(running)
            await until(lambda: running[0].is_committed)
            if order == "cancel":
                pool_of(bench).cancel(running[0].claim.id, running[0].claim.token, CANCELLED)
            await until(lambda: bench.ends[running[0]])
            assert bench.outcomes == [Committed()]

    run(test)


def test_each_task_has_its_own_time_limit(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=4, time_limit=60) as bench:
            limits = (0.05, 0.5, 10 * 365 * 86400.0, None)
            jobs = [
                make_limited_job(tasks.asleep, limit, 60 if limit and limit < 1 else 0.7) for limit in limits
            ]
            slept = Completed('"slept"')
            assert await bench.run(*jobs) == [TimedOut(0.05), TimedOut(0.5), slept, slept]
            for _, outcome, seconds in bench.settled:
                if isinstance(outcome, TimedOut):
                    assert outcome.limit <= seconds < outcome.limit + 5

    run(test)


def test_one_look_at_ten_thousand_slots_is_short(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=10_000) as bench:
            jobs = [make_job(tasks.asleep, 1) for _ in range(10_000)]
            bench.dispatcher.offer(jobs)
            await until(lambda: all(job.started for job in jobs))
            seconds = min(timeit.repeat(pool_of(bench)._look_after_slots, number=1, repeat=5))  # pyright: ignore[reportPrivateUsage]
            # Five times a second: some two milliseconds are one percent. Ten times as much would still be bearable.
            assert seconds < 0.02
            await until(lambda: len(bench.settled) == 10_000)

    run(test)


def test_the_job_that_has_the_loop_is_known_from_outside(run: Run) -> None:
    stepped = list[Job | None]()

    async def look() -> None:
        stepped.append(bench_pool[0].stepped)
        await asyncio.sleep(0)
        stepped.append(bench_pool[0].stepped)
        await asyncio.sleep(0.01)
        stepped.append(bench_pool[0].stepped)

    bench_pool = list[event_loop.EventLoopPool]()

    async def test() -> None:
        async with coroutines(limit=2) as bench:
            bench_pool[:] = [pool_of(bench)]
            job = make_job(look)
            await bench.run(job)
            assert stepped == [job] * 3
            stepped.clear()
            await bench.run(make_job(tasks.afail, "x"), make_job(exit_program), make_job(cancel_own_task))
            assert pool_of(bench).stepped is None

    run(test)


def test_what_is_held_is_told_with_what_it_would_end_as(run: Run) -> None:
    async def test() -> None:
        async with coroutines(limit=3, time_limit=60, time_limit_grace=0.5) as bench:
            plain = await begin(bench, tasks.asleep, 0.3)
            late = await begin(bench, tasks.stubborn, time_limit=0.01)
            await until(lambda: TimedOut(0.01) in [outcome for _, outcome, _ in pool_of(bench).held()])
            held = {job: outcome for job, outcome, _ in pool_of(bench).held()}
            assert held == {plain: Interrupted(), late: TimedOut(0.01)}
            await until(lambda: len(bench.settled) == 2)
            assert pool_of(bench).held() == []

    run(test)


def test_the_end_of_the_pool_ends_its_coroutines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "INTERRUPT_GRACE_SECONDS", 0.1)

    async def test() -> None:
        bench = Workbench(2)
        pool = event_loop.EventLoopPool(bench.dispatcher, 2, Limits())
        running = asyncio.create_task(pool.run())
        CLOSED.clear()
        bench.dispatcher.offer([make_job(hold_resource), make_job(tasks.asleep, 60)])
        await until(lambda: bench.dispatcher.active == 2 and CLOSED)
        running.cancel()
        await asyncio.wait([running])
        assert CLOSED == ["opened", "closed"]
        assert bench.settled == []
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    run(test)


def test_a_thousand_coroutines_of_all_kinds_each_end_once(run: Run) -> None:
    kinds: list[tuple[Any, ...]] = [
        (tasks.aadd, 1, 1),
        (tasks.afail, "x"),
        (raise_cancelled,),
        (cancel_own_task,),
        (swallow_own_cancellation,),
        (exit_program,),
        (timed_out_inside,),
        (tasks.asleep, 0.001),
    ]

    async def test() -> None:
        async with coroutines(limit=7) as bench:
            jobs = [make_job(*kinds[n % len(kinds)]) for n in range(1000)]
            await bench.run(*jobs)
            assert len(bench.settled) == 1000

    run(test)
