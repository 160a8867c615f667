"""The guard of the event loop: whom it blames, when it acts, and that it tries again."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lapinq_core.domain.tasks.outcome import Cancelled, Outcome, TimedOut
from lapinq_worker.liveness.loop_guard import LoopGuard
from lapinq_worker.liveness.stacks import is_debugged, stack_of
from lapinq_worker.running.job import Job
from lapinq_worker.running.limits import Limits
from lapinq_worker.running.pools.event_loop import EventLoopPool
from tests.support import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.conftest import Run
from tests.unit.lapinq_worker.workbench import Workbench, coroutines, until


class Ends:
    """A fence that only notes whom it is to end, and then lets the loop go on."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = list[dict[Job, Outcome]]()
        self.over = threading.Event()
        self.recycled = threading.Event()
        self._failures = failures

    def __call__(self, ends: Mapping[Job, Outcome], is_stuck: Callable[[], bool]) -> bool:
        assert threading.current_thread().name == "lapinq loop guard"
        assert is_stuck()
        self.calls.append(dict(ends))
        if len(self.calls) <= self._failures:
            raise ConnectionError("away")
        self.over.set()
        return True

    async def block(self) -> None:
        """Holds up the loop until it was noticed."""
        assert self.over.wait(20)

    async def block_in_a_task(self) -> None:
        """The same in a task of its own."""
        await asyncio.create_task(self.block())


@asynccontextmanager
async def guarded(
    ends: Ends, stuck_after: float = 60.0, **limits: Any
) -> AsyncGenerator[tuple[Workbench, LoopGuard]]:
    """A bench whose loop is guarded."""
    async with coroutines(limit=3, **limits) as bench:
        assert isinstance(bench.pool, EventLoopPool)
        guard = LoopGuard(
            bench.pool,
            Limits(**limits),
            name="tester",
            stuck_after=stuck_after,
            fence=ends,
            recycle=ends.recycled.set,
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
    Ends.block,
    pytest.param(
        Ends.block_in_a_task,
        marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="whose task it is can't be told"),
    ),
]


@pytest.mark.parametrize("how", WAYS)
def test_what_holds_up_the_loop_past_its_limit_is_ended_alone(
    run: Run, how: Callable[[Ends], Coroutine[None, None, None]]
) -> None:
    async def test() -> None:
        ends = Ends()
        async with guarded(ends, time_limit=0.2, time_limit_grace=0.1) as (bench, _):
            other = make_limited_job(tasks.asleep, 0.3, 0.1)
            job = make_job(lambda: how(ends))
            job.target.is_coroutine = True
            await bench.run(other, job)
            assert ends.calls == [{job: TimedOut(0.2)}]
            assert ends.recycled.wait(20)

    run(test)


def test_what_holds_up_the_loop_within_its_limit_is_left_alone(run: Run) -> None:
    async def test() -> None:
        ends = Ends()
        async with guarded(ends, time_limit=60) as (bench, _):
            await bench.run(make_job(tasks.abusy, 1.5))
            assert ends.calls == []

    run(test)


def test_what_nobody_knows_is_blamed_on_all_once_all_are_past_their_limits(run: Run) -> None:
    async def test() -> None:
        ends = Ends()
        async with guarded(ends, time_limit=60, time_limit_grace=0.1) as (bench, _):
            jobs = [make_limited_job(tasks.asleep, limit, 60) for limit in (1.0, 2.0)]
            bench.dispatcher.offer(jobs)
            await until(lambda: all(job.started for job in jobs))
            started = time.perf_counter()
            asyncio.get_running_loop().call_soon(ends.over.wait, 20)
            await until(lambda: len(bench.settled) == 2)
            assert ends.calls == [{jobs[0]: TimedOut(1.0), jobs[1]: TimedOut(2.0)}]
            assert time.perf_counter() - started > 1.9

    run(test)


def test_a_loop_that_is_stuck_while_nothing_runs_is_given_up_after_a_while(run: Run) -> None:
    async def test() -> None:
        ends = Ends()
        async with guarded(ends, stuck_after=1.0):
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(ends.over.wait, 20)
            await until(ends.recycled.is_set)
            assert ends.calls == [{}]

    run(test)


def test_a_request_ends_what_holds_up_the_loop(run: Run) -> None:
    async def test() -> None:
        ends = Ends()
        async with guarded(ends, time_limit=60, cancel_grace=0.1) as (bench, guard):
            job = make_job(ends.block)

            def ask() -> None:
                while not ends.over.wait(0.05):
                    guard.asked_to_stop(job.claim.id, job.claim.token)

            asking = threading.Thread(target=ask)
            asking.start()
            await bench.run(job)
            asking.join()
            assert ends.calls == [{job: Cancelled("stopped on request")}]

    run(test)


def test_a_fence_that_fails_is_put_up_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        ends = Ends(failures=2)
        async with guarded(ends, time_limit=0.1, time_limit_grace=0.1) as (bench, _):
            job = make_job(ends.block)
            await bench.run(job)
            assert ends.calls == [{job: TimedOut(0.1)}] * 3
            assert ends.recycled.wait(20)
            assert caplog.text.count("could not hand back the tasks yet: away") == 2
            assert "in block" in caplog.text

    run(test)
    caplog.clear()


@pytest.mark.parametrize(("module", "debugged"), [("pdb", True), ("debugpy.server", True), ("app", False)])
def test_a_thread_in_a_debugger_is_known(module: str, debugged: bool) -> None:
    begun, over = threading.Event(), threading.Event()
    space: dict[str, Any] = {"__name__": module, "begun": begun, "over": over}
    exec("def interact():\n    begun.set()\n    over.wait(20)\n", space)
    thread = threading.Thread(target=space["interact"])
    thread.start()
    try:
        assert begun.wait(20)
        assert thread.ident is not None
        assert is_debugged(thread.ident) is debugged
        assert "in interact" in stack_of(thread.ident)
    finally:
        over.set()
        thread.join()
    assert stack_of(-1) == "an unknown place\n"
