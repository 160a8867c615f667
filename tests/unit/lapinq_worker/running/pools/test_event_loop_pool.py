"""Coroutines in slots: each in its own context, and none can harm the slot it runs in."""

import asyncio
from typing import Any

from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.outcome import Completed, Outcome, Raised, RetryAsked, Unretryable, Unstorable
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.loop_coroutines import (
    CANCELLED_INSIDE,
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
    say_much,
    stop_iteration,
    swallow_own_cancellation,
    timed_out_in_the_end,
    timed_out_inside,
    variable,
)
from tests.unit.lapinq_worker.workbench import coroutines, until


@on_both_loops
async def test_coroutines_return_and_raise() -> None:
    async with coroutines(max_result_size=10) as bench:
        refused = make_job(tasks.afail, "no")
        refused.target.handling = Handling(no_retry_for=(ValueError,))
        returned, failed, misfit, retried, unstorable, big, unretryable = await bench.run(
            make_job(tasks.aadd, 1, 2),
            make_job(tasks.afail, "no"),
            make_job(tasks.aadd, 1, 2, 3),
            make_job(ask_again),
            make_job(give_unstorable),
            make_job(say_much),
            refused,
        )
        assert returned == Completed("3")
        assert isinstance(failed, Raised)
        assert failed.error == "ValueError: no"
        assert failed.traceback is not None
        assert failed.traceback.splitlines()[1].endswith("in afail")
        assert isinstance(misfit, Raised)
        assert misfit.error.startswith("TypeError: aadd() takes 2 positional arguments")
        assert isinstance(retried, RetryAsked)
        assert isinstance(unstorable, Unstorable)
        assert isinstance(big, Unstorable)
        assert isinstance(unretryable, Unretryable)


@on_both_loops
async def test_coroutines_start_in_the_order_they_are_offered_up_to_the_limit() -> None:
    started = list[int]()
    running = most = 0

    async def note(number: int) -> None:
        nonlocal running, most
        started.append(number)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async with coroutines(limit=3) as bench:
        await bench.run(*[make_job(note, n) for n in range(50)])
        assert started == list(range(50))
        assert most == 3


@on_both_loops
async def test_context_variables_are_seen_in_tasks_of_a_coroutine_and_not_in_the_next() -> None:
    async def parent() -> str:
        variable.set("parent")
        return await asyncio.create_task(remember("child")) + " " + variable.get()

    async with coroutines(limit=1) as bench:
        jobs = [make_job(remember, "0"), make_job(parent), make_job(remember, "1")]
        assert await bench.run(*jobs) == [
            Completed('"unset 0"'),
            Completed('"parent child parent"'),
            Completed('"unset 1"'),
        ]
        assert variable.get() == "unset"


ENDS: list[tuple[Any, str]] = [
    (timed_out_inside, '"timed out"'),
    (grouped, '["unset 0","unset 1","unset 2"]'),
    (await_generated, '"generated"'),
    (await_awaitable, '"awaited"'),
    (timed_out_in_the_end, "TimeoutError"),
    (grouped_with_failure, "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"),
    # A cancellation from inside is a failure of the task, and what it leaves behind of one harms nobody.
    (raise_cancelled, CANCELLED_INSIDE.error),
    (await_cancelled, CANCELLED_INSIDE.error),
    (cancel_own_task_and_wait, CANCELLED_INSIDE.error),
    (cancel_own_task, "null"),
    (swallow_own_cancellation, '"swallowed"'),
    # What would end the program ends only the coroutine.
    (exit_program, "SystemExit: 3"),
    (interrupt_program, "KeyboardInterrupt"),
    (stop_iteration, "RuntimeError: coroutine raised StopIteration"),
]


def told(outcome: Outcome) -> str:
    assert isinstance(outcome, (Completed, Raised))
    return outcome.result if isinstance(outcome, Completed) else outcome.error


@on_both_loops
async def test_whatever_a_coroutine_does_its_slot_goes_on() -> None:
    async with coroutines(limit=1) as bench:
        for function, end in ENDS:
            outcomes = await bench.run(
                make_job(function),
                make_job(tasks.asleep, 0.01),
                make_job(function),
                make_job(tasks.aadd, 1, 1),
            )
            assert list(map(told, outcomes)) == [end, '"slept"', end, "2"], function.__name__
            await check_every_slot_works(bench)


@on_both_loops
async def test_a_cancellation_that_hits_a_slot_itself_costs_neither_slot_nor_job() -> None:
    async with coroutines(limit=1) as bench:
        await check_every_slot_works(bench)
        assert await bench.run(make_job(cancel_task_later, 0.01)) == [NULL]
        await until(the_slot().done)  # while it is idle
        await check_every_slot_works(bench)
        await asyncio.sleep(0.01)  # the slot waits
        job = make_job(tasks.aadd, 2, 2)
        bench.dispatcher.offer([job])
        the_slot().cancel()  # while the job is on its way
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Completed("4")


def the_slot() -> asyncio.Task[Any]:
    (slot,) = (task for task in asyncio.all_tasks() if task.get_name() == "lapinq slot")
    return slot


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
async def test_hundreds_of_coroutines_of_all_kinds_each_end_once() -> None:
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
        await bench.run(*[make_job(*kinds[n % len(kinds)]) for n in range(400)])
        assert len(bench.settled) == 400
