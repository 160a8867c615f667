"""What durable tasks in child processes ask of their worker, in the middle of a call."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from lapinq_core.domain.errors import StepRefused
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Answer, Load, Loaded, Request, Store, Stored
from lapinq_core.domain.tasks.outcome import Completed, Raised, Unretryable
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.attempt import MAX_QUESTIONS
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import asking_tasks, tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.running.pools.children import (
    ASKED,
    SEGFAULT,
    cancel,
    ended,
    isolated,
    pid_of_child,
    quick,
)
from tests.unit.lapinq_worker.workbench import processes, until


class Answering:
    """A host's other side: stores in a list. A step named `stuck` is answered when `released` is set, and none before
    `together` have been asked at once."""

    def __init__(self, together: int = 1) -> None:
        self._together = together
        self._are_together = asyncio.Event()
        self.stored: list[str] = []
        self.asked = Counter[str]()
        self.most_at_once = self._at_once = 0
        self.released = asyncio.Event()
        self.is_current = True

    def of(self, job: Job) -> Job:
        job.host = Host(Limits(), ask=self._answer, lease_is_current=lambda: self.is_current)
        return job

    async def _answer(self, claim: Claim, request: Request) -> Answer:
        if isinstance(request, Load):
            return Loaded([])
        assert isinstance(request, Store)
        self.asked[request.name] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        if self._at_once == self._together:
            self._are_together.set()
        try:
            await self._are_together.wait()
            if request.name == "stuck":
                await self.released.wait()
            elif request.name == "refused":
                raise StepRefused("too much")
            elif request.name == "broken":
                raise ValueError("no")
        finally:
            self._at_once -= 1
        self.stored.append(request.name)
        return Stored()


def stepping(answering: Answering, *names: str) -> Job:
    return quick(answering.of(make_job(asking_tasks.steps, *names)))


@on_both_loops
async def test_calls_that_ask_go_on_in_order_whatever_comes_meanwhile() -> None:
    answering = Answering()
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        jobs = [
            stepping(answering, "stuck"),
            quick(make_job(tasks.add, 1, 2)),
            stepping(answering, "a", "b"),
            quick(answering.of(make_job(asking_tasks.steps_in_threads, "c", "d"))),
            quick(make_job(tasks.long_text, 1_000_000)),
        ]
        bench.dispatcher.offer(jobs)
        await until(lambda: answering.asked["stuck"])
        answering.released.set()
        found = await ended(bench, *jobs)
    assert found[:3] == [Completed('["stuck"]'), Completed("3"), Completed('["a","b"]')]
    assert found[3] == Completed('["c","d"]')
    assert sorted(answering.stored) == ["a", "b", "c", "d", "stuck"]


@on_both_loops
async def test_a_time_limit_or_a_cancellation_ends_the_wait_for_an_answer(tmp_path: Path) -> None:
    answering = Answering()
    async with processes(limit=1, time_limit_grace=100.0, cancel_grace=0.2) as bench:
        before = await pid_of_child(bench)
        late = answering.of(make_limited_job(asking_tasks.catches_limit, 0.3, "stuck"))
        assert await bench.run(late) == [Completed('"TimeLimit"')]
        answering.released.set()  # nobody waits for this answer any more
        assert await bench.run(stepping(answering, "a")) == [Completed('["a"]')]
        assert await pid_of_child(bench) == before
        answering.released.clear()
        cancelled = stepping(answering, "stuck")
        bench.dispatcher.offer([cancelled])
        await until(lambda: answering.asked["stuck"] == 2)
        assert cancel(bench, cancelled)
        assert await ended(bench, cancelled) == [ASKED]
        dying = answering.of(make_job(asking_tasks.dies_asking, "stuck"))
        assert await bench.run(dying) == [SEGFAULT]
        answering.is_current = False
        [lost] = await bench.run(stepping(answering, "stuck"))
        assert isinstance(lost, Raised)
        assert lost.error.startswith("LeaseLost")


async def test_what_has_no_answer_is_raised_in_the_function() -> None:
    answering = Answering()
    async with processes(limit=1) as bench:
        refused, broken, forked = await bench.run(
            stepping(answering, "refused"),
            stepping(answering, "broken"),
            answering.of(make_job(asking_tasks.asks_in_fork)),
        )
    assert isinstance(refused, Unretryable)
    assert refused.error == "StepRefused: too much"
    assert isinstance(broken, Raised)
    assert broken.error == "LapinqError: ValueError: no"
    assert forked == Completed('"NoTask"')


async def test_a_coroutine_asks_much_but_not_all_at_once() -> None:
    answering = Answering(together=MAX_QUESTIONS)
    async with processes(limit=1) as bench:
        count = MAX_QUESTIONS + 100
        job = isolated(answering.of(make_job(asking_tasks.asteps, count)))
        assert await bench.run(job) == [Completed(str(count))]
    assert len(answering.stored) == count
    assert answering.most_at_once == MAX_QUESTIONS


async def test_a_thread_that_a_call_left_behind_gets_no_answer(tmp_path: Path) -> None:
    answering = Answering()
    async with processes(limit=1) as bench:
        told = tmp_path / "told"
        left = answering.of(make_job(asking_tasks.leaves_a_thread, str(told)))
        later: Any = stepping(answering, "a")
        assert await bench.run(left, later) == [Completed("null"), Completed('["a"]')]
        await until(told.exists)
        await until(lambda: told.read_text() == "LeaseLost")
