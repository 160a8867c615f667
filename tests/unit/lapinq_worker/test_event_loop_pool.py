"""Coroutines in slots: each in its own context, ended at its limit, and none can harm the slot it runs in."""

import asyncio
import contextvars
import time
import types
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lapinq_core.domain.context import current_task
from lapinq_core.domain.errors import RetryError
from lapinq_core.domain.outcome import (
    Cancelled,
    Completed,
    Interrupted,
    Raised,
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


async def begin(bench: Workbench, function: Any, *args: Any, time_limit: float | None = None) -> Job:
    """A job that runs, and waits."""
    job = make_limited_job(function, time_limit, *args)
    bench.dispatcher.offer([job])
    await until(lambda: job.started and pool_of(bench).stepped is None)
    return job


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
