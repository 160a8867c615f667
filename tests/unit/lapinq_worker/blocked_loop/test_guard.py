"""The guard of the event loop: which job it blames, when it acts, and that it tries again."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lapinq_core.domain.tasks.outcome import Cancelled, Outcome, TimedOut
from lapinq_core.runtime.thread_stacks import is_debugged, stack_of
from lapinq_worker.blocked_loop.guard import LoopGuard
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.event_loop import EventLoopPool
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.workbench import Workbench, coroutines, until


class Culprits:
    """A handover that only notes the culprits, and then lets the loop go on."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = list[dict[Job, Outcome]]()
        self.over = threading.Event()
        self.reexecuted = threading.Event()
        self._failures = failures

    def __call__(self, culprits: Mapping[Job, Outcome], is_blocked: Callable[[], bool]) -> bool:
        assert threading.current_thread().name == "lapinq loop guard"
        assert is_blocked()
        self.calls.append(dict(culprits))
        if len(self.calls) <= self._failures:
            raise ConnectionError("away")
        self.over.set()
        return True

    async def block(self) -> None:
        """Blocks the loop until the guard has noticed."""
        assert self.over.wait(20)

    async def block_in_a_task(self) -> None:
        """The same in a task of its own."""
        await asyncio.create_task(self.block())


@asynccontextmanager
async def guarded(
    culprits: Culprits, blocked_after: float = 60.0, **limits: Any
) -> AsyncGenerator[tuple[Workbench, LoopGuard]]:
    """A bench whose loop is guarded."""
    async with coroutines(limit=3, **limits) as bench:
        assert isinstance(bench.pool, EventLoopPool)
        guard = LoopGuard(
            bench.pool,
            Limits(**limits),
            name="tester",
            blocked_after=blocked_after,
            handover=culprits,
            reexec=culprits.reexecuted.set,
        )

        async def tick() -> None:
            while True:
                guard.loop_turned()
                await asyncio.sleep(0.1)

        ticking = asyncio.create_task(tick())
        guard.start()
        try:
            yield bench, guard
        finally:
            ticking.cancel()
            guard.stop()


WAYS = [
    Culprits.block,
    pytest.param(
        Culprits.block_in_a_task,
        marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="whose task it is can't be told"),
    ),
]


@on_both_loops
@pytest.mark.parametrize("how", WAYS)
async def test_a_job_that_blocks_the_loop_past_its_limit_is_ended_alone(
    how: Callable[[Culprits], Coroutine[None, None, None]],
) -> None:
    culprits = Culprits()
    async with guarded(culprits, time_limit=0.2, time_limit_grace=0.1) as (bench, _):
        other = make_limited_job(tasks.asleep, 0.3, 0.1)
        job = make_job(lambda: how(culprits))
        job.target.is_coroutine = True
        await bench.run(other, job)
        assert culprits.calls == [{job: TimedOut(0.2)}]
        assert culprits.reexecuted.wait(20)


async def test_a_job_that_blocks_the_loop_within_its_limit_is_left_alone() -> None:
    culprits = Culprits()
    async with guarded(culprits, time_limit=60) as (bench, _):
        await bench.run(make_job(tasks.abusy, 1.2))
        assert culprits.calls == []


@on_both_loops
async def test_an_unknown_culprit_is_blamed_on_all_once_all_are_past_their_limits() -> None:
    culprits = Culprits()
    async with guarded(culprits, time_limit=60, time_limit_grace=0.1) as (bench, _):
        jobs = [make_limited_job(tasks.asleep, limit, 60) for limit in (1.0, 2.0)]
        bench.dispatcher.offer(jobs)
        await until(lambda: all(job.started for job in jobs))
        started = time.perf_counter()
        asyncio.get_running_loop().call_soon(culprits.over.wait, 20)
        await until(lambda: len(bench.settled) == 2)
        assert culprits.calls == [{jobs[0]: TimedOut(1.0), jobs[1]: TimedOut(2.0)}]
        assert time.perf_counter() - started > 1.9


@on_both_loops
async def test_a_loop_that_is_blocked_while_nothing_runs_is_ended_after_a_while() -> None:
    culprits = Culprits()
    async with guarded(culprits, blocked_after=1.0):
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(culprits.over.wait, 20)
        await until(culprits.reexecuted.is_set)
        assert culprits.calls == [{}]


async def test_a_cancel_request_ends_a_job_that_blocks_the_loop() -> None:
    culprits = Culprits()
    async with guarded(culprits, time_limit=60, cancel_grace=0.1) as (bench, guard):
        job = make_job(culprits.block)

        def ask() -> None:
            while not culprits.over.wait(0.05):
                guard.cancel_requested(job.claim.id, job.claim.token)

        asking = threading.Thread(target=ask)
        asking.start()
        await bench.run(job)
        asking.join()
        assert culprits.calls == [{job: Cancelled("stopped on request")}]


async def test_a_handover_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    culprits = Culprits(failures=2)
    async with guarded(culprits, time_limit=0.1, time_limit_grace=0.1) as (bench, _):
        job = make_job(culprits.block)
        await bench.run(job)
        assert culprits.calls == [{job: TimedOut(0.1)}] * 3
        assert culprits.reexecuted.wait(20)
        assert caplog.text.count("could not release the tasks yet: away") == 2
        assert "in block" in caplog.text


def test_a_thread_in_a_debugger_is_known() -> None:
    for module, debugged in (("pdb", True), ("debugpy.server", True), ("app", False)):
        begun, over = threading.Event(), threading.Event()
        space: dict[str, Any] = {"__name__": module, "begun": begun, "over": over}
        exec("def interact():\n    begun.set()\n    over.wait(20)\n", space)
        thread = threading.Thread(target=space["interact"])
        thread.start()
        try:
            assert begun.wait(20)
            assert thread.ident is not None
            assert is_debugged(thread.ident) is debugged, module
            assert "in interact" in stack_of(thread.ident)
        finally:
            over.set()
            thread.join()
    assert stack_of(-1) == "an unknown place\n"
