"""A dispatcher with a pool on a loop of its own, and a record of what was settled: the worker without its database."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.dispatcher import Dispatcher, Pool
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.event_loop import EventLoopPool
from lapinq_worker.running.pools.processes import ProcessPool
from lapinq_worker.running.pools.threads import ThreadPool
from lapinq_worker.running.time_limits import Limits

DEADLINE_SECONDS = 30.0


class Runnable(Protocol):
    """What both kinds of pools have."""

    async def run(self) -> None: ...

    def interrupt(self, outcome: Outcome) -> None: ...


class Workbench:
    """`settled` holds the jobs in the order of their ends, `ends` how often each ended."""

    def __init__(self, limit: int) -> None:
        self.may_start = True
        self.low_calls = 0
        self.settled: list[tuple[Job, Outcome, float]] = []
        self.ends = Counter[Job]()
        self.dispatcher = Dispatcher(limit, self._settle, on_low=self._low, may_start=lambda: self.may_start)
        self.pool: Runnable | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes in the order of their arrival."""
        return [outcome for _, outcome, _ in self.settled]

    def outcome(self, job: Job) -> Outcome:
        """The one outcome of `job`."""
        (outcome,) = [outcome for settled, outcome, _ in self.settled if settled is job]
        return outcome

    async def run(self, *jobs: Job) -> list[Outcome]:
        """Offers `jobs` and waits for their outcomes, in the order of the jobs."""
        self.dispatcher.offer(jobs)
        await until(lambda: all(self.ends[job] for job in jobs))
        return [self.outcome(job) for job in jobs]

    def _settle(self, job: Job, outcome: Outcome, seconds: float) -> None:
        self.settled.append((job, outcome, seconds))
        self.ends[job] += 1
        assert self.ends[job] == 1, "a job was settled twice"

    def _low(self) -> None:
        self.low_calls += 1


@asynccontextmanager
async def coroutines(limit: int = 2, time_limit: float = 60.0, **limits: Any) -> AsyncGenerator[Workbench]:
    """A bench whose coroutines run; at the end every place is free again."""
    bench = Workbench(limit)
    pool = EventLoopPool(bench.dispatcher, limit, Limits(time_limit=time_limit, **limits))
    async with _running(bench, pool):
        yield bench


@asynccontextmanager
async def threads(limit: int = 2, time_limit: float = 60.0, **limits: Any) -> AsyncGenerator[Workbench]:
    """A bench whose plain functions run in threads."""
    bench = Workbench(limit)
    pool = ThreadPool(bench.dispatcher, Limits(time_limit=time_limit, **limits))
    bench.dispatcher.use(pool)
    async with _running(bench, pool):
        yield bench


@asynccontextmanager
async def processes(
    limit: int = 2,
    time_limit: float = 60.0,
    imports: tuple[str, ...] = (),
    settings: Settings | None = None,
    **limits: Any,
) -> AsyncGenerator[Workbench]:
    """A bench whose plain functions run in child processes."""
    bench = Workbench(limit)
    settings = settings or Settings(worker_concurrency=limit, worker_imports=imports)
    pool = ProcessPool(bench.dispatcher, settings, Limits(time_limit=time_limit, **limits))
    bench.dispatcher.use(pool, isolated=pool)
    async with _running(bench, pool):
        yield bench


@asynccontextmanager
async def recording(limit: int = 2) -> AsyncGenerator[tuple[Workbench, list[list[Job]]]]:
    """A bench with a pool that only records the chunks it is handed."""
    bench = Workbench(limit)
    chunks = list[list[Job]]()

    class Recorder:
        def start(self, jobs: list[Job]) -> None:
            chunks.append(jobs)

    pool: Pool = Recorder()
    bench.dispatcher.use(pool)
    yield bench, chunks


async def until(check: Callable[[], object]) -> None:
    """Returns once `check()` is true; AssertionError when that takes too long."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not check():  # noqa: ASYNC110  # any condition, not one that has an event
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not true within {DEADLINE_SECONDS:g} s: {check}") from None


@asynccontextmanager
async def _running(bench: Workbench, pool: Runnable) -> AsyncGenerator[None]:
    bench.pool = pool
    bench.task = asyncio.create_task(pool.run())
    try:
        yield
        await until(lambda: bench.dispatcher.active == 0)
        assert bench.dispatcher.idle.is_set()
    finally:
        bench.task.cancel()
        await asyncio.wait([bench.task])
        assert bench.task.cancelled(), bench.task.exception()
