"""Coroutines in slots: each in its own context, ended at its limit, and none can harm the slot it runs in."""

import asyncio
from typing import Any

import pytest

from lapinq_core.domain.tasks.outcome import Completed, Raised, RetryAsked, Unstorable
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.loop_coroutines import (
    NULL,
    ask_again,
    await_awaitable,
    await_cancelled,
    await_generated,
    busy,
    cancel_own_task,
    cancel_own_task_and_wait,
    cancel_task_later,
    check_every_slot_works,
    exit_program,
    give_unstorable,
    grouped,
    grouped_with_failure,
    interrupt_program,
    raise_cancelled,
    remember,
    stop_iteration,
    swallow_own_cancellation,
    timed_out_in_the_end,
    timed_out_inside,
    variable,
)
from tests.unit.lapinq_worker.workbench import coroutines, until


@on_both_loops
async def test_coroutines_return_and_raise() -> None:
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


@on_both_loops
async def test_arguments_that_do_not_fit_are_the_tasks_failure() -> None:
    async with coroutines() as bench:
        (outcome,) = await bench.run(make_job(tasks.aadd, 1, 2, 3))
        assert isinstance(outcome, Raised)
        assert outcome.error.startswith("TypeError: aadd() takes 2 positional arguments")
        await check_every_slot_works(bench)


@on_both_loops
async def test_at_most_the_limit_runs_at_once() -> None:
    running = most = 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    async with coroutines(limit=3) as bench:
        await bench.run(*[make_job(count) for _ in range(20)])
        assert most == 3


@on_both_loops
async def test_coroutines_start_in_the_order_they_are_offered() -> None:
    started = list[int]()

    async def note(number: int) -> None:
        started.append(number)
        await asyncio.sleep(0)

    async with coroutines(limit=3) as bench:
        await bench.run(*[make_job(note, n) for n in range(50)])
        assert started == list(range(50))
        started.clear()


@on_both_loops
async def test_context_variables_do_not_leak_into_the_next_coroutine() -> None:
    async with coroutines(limit=1) as bench:
        jobs = [make_job(remember, str(n)) for n in range(3)]
        assert await bench.run(*jobs) == [Completed(f'"unset {n}"') for n in range(3)]
        assert variable.get() == "unset"


@on_both_loops
async def test_context_variables_are_seen_in_tasks_that_a_coroutine_starts() -> None:
    async def parent() -> str:
        variable.set("parent")
        return await asyncio.create_task(remember("child")) + " " + variable.get()

    async with coroutines() as bench:
        assert await bench.run(make_job(parent)) == [Completed('"parent child parent"')]


@on_both_loops
@pytest.mark.parametrize(
    "function",
    [raise_cancelled, await_cancelled, cancel_own_task_and_wait],
    ids=lambda function: function.__name__,
)
async def test_a_cancellation_from_inside_is_a_failure_of_the_task(function: Any) -> None:
    async with coroutines(limit=1) as bench:
        (outcome,) = await bench.run(make_job(function))
        assert outcome == Raised("CancelledError: the coroutine was cancelled from inside")
        await check_every_slot_works(bench)


@on_both_loops
@pytest.mark.parametrize(
    ("function", "outcome"), [(cancel_own_task, NULL), (swallow_own_cancellation, Completed('"swallowed"'))]
)
async def test_a_cancellation_that_a_coroutine_leaves_behind_harms_nobody(
    function: Any, outcome: Completed
) -> None:
    async with coroutines(limit=1) as bench:
        jobs = [
            make_job(function),
            make_job(tasks.asleep, 0.01),
            make_job(function),
            make_job(tasks.aadd, 1, 1),
        ]
        assert await bench.run(*jobs) == [outcome, Completed('"slept"'), outcome, Completed("2")]
        await check_every_slot_works(bench)


@on_both_loops
async def test_a_cancellation_that_hits_an_idle_slot_does_not_cost_the_slot() -> None:
    async with coroutines(limit=1) as bench:
        await check_every_slot_works(bench)
        (slot,) = (task for task in asyncio.all_tasks() if task.get_name() == "lapinq slot")
        assert await bench.run(make_job(cancel_task_later, 0.01)) == [NULL]
        await until(slot.done)
        await check_every_slot_works(bench)


@on_both_loops
async def test_a_slot_cancelled_while_a_job_is_on_its_way_does_not_lose_it() -> None:
    async with coroutines(limit=1) as bench:
        await check_every_slot_works(bench)
        await asyncio.sleep(0.01)  # the slot waits
        (slot,) = (task for task in asyncio.all_tasks() if task.get_name() == "lapinq slot")
        job = make_job(tasks.aadd, 2, 2)
        bench.dispatcher.offer([job])
        slot.cancel()
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Completed("4")


@on_both_loops
@pytest.mark.parametrize(
    ("function", "error"),
    [
        (exit_program, "SystemExit: 3"),
        (interrupt_program, "KeyboardInterrupt"),
        (stop_iteration, "RuntimeError: coroutine raised StopIteration"),
    ],
)
async def test_what_would_end_the_program_ends_only_the_coroutine(function: Any, error: str) -> None:
    async with coroutines(limit=1) as bench:
        (outcome,) = await bench.run(make_job(function))
        assert isinstance(outcome, Raised)
        assert outcome.error == error
        await check_every_slot_works(bench)


@on_both_loops
@pytest.mark.parametrize(
    ("function", "result"),
    [
        (timed_out_inside, '"timed out"'),
        (grouped, '["unset 0","unset 1","unset 2"]'),
        (await_generated, '"generated"'),
        (await_awaitable, '"awaited"'),
    ],
)
async def test_what_asyncio_offers_works_inside(function: Any, result: str) -> None:
    async with coroutines(limit=1) as bench:
        jobs = [make_job(function) for _ in range(3)]
        assert await bench.run(*jobs) == [Completed(result)] * 3


@on_both_loops
@pytest.mark.parametrize(
    ("function", "error"),
    [
        (timed_out_in_the_end, "TimeoutError"),
        (grouped_with_failure, "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"),
    ],
)
async def test_timeouts_and_groups_fail_as_they_do_elsewhere(function: Any, error: str) -> None:
    async with coroutines(limit=1) as bench:
        for _ in range(2):
            (outcome,) = await bench.run(make_job(function))
            assert isinstance(outcome, Raised)
            assert outcome.error == error


@on_both_loops
async def test_coroutines_that_never_wait_do_not_keep_others_from_the_loop() -> None:
    async with coroutines(limit=4) as bench:
        jobs = [make_job(busy, 0.002) for _ in range(150)]
        bench.dispatcher.offer(jobs)
        turns = 0
        while len(bench.settled) < len(jobs):
            await asyncio.sleep(0)
            turns += 1
        # Slots may go on for 10 ms each: 300 ms of work in four slots are seven turns at least.
        assert turns >= 6


@on_both_loops
async def test_a_thousand_coroutines_of_all_kinds_each_end_once() -> None:
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

    async with coroutines(limit=7) as bench:
        jobs = [make_job(*kinds[n % len(kinds)]) for n in range(1000)]
        await bench.run(*jobs)
        assert len(bench.settled) == 1000
