"""Puts a worker together and runs it: fetcher, dispatcher, pools, settler, heartbeat, rescuer, upkeep.

Stopping has two steps. Told to stop, the worker claims nothing more, hands back what it has not started, and lets
running tasks end while its heartbeat goes on. When the grace time is over, or when it is told again, it hands back what
still runs, and ends.

A worker that the cluster declared dead (it was cut off or paused for longer than its lease) drops what it holds, for
others have it by now, and begins anew under a new id.
"""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import READY_CHANNEL, Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.domain.outcome import Interrupted, Outcome, WorkerLost
from lapinq_core.domain.version import __version__
from lapinq_core.queue import work
from lapinq_core.queue.chores import run_chores
from lapinq_core.runtime.loops import StopLoop, pause_for, run_every
from lapinq_core.runtime.settings import Settings
from lapinq_core.store import workers
from lapinq_core.store.workers import WorkerRecord
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.fetcher import Fetcher
from lapinq_worker.functions import Functions
from lapinq_worker.heartbeat import Heartbeat
from lapinq_worker.pools.event_loop import EventLoopPool
from lapinq_worker.pools.processes import ProcessPool
from lapinq_worker.pools.threads import ThreadPool
from lapinq_worker.queue_choice import QueueChoice, parse_queues
from lapinq_worker.rescuer import Rescuer
from lapinq_worker.settler import Settler

POOL_SIZE = 3
POOL_TIMEOUT_SECONDS = 10.0
INTERRUPT_SECONDS = 5.0
FLUSH_SECONDS = 10.0
CLAIM_SECONDS = 5.0
LOOP_TICK_SECONDS = 0.5

log = logging.getLogger(__name__)


class Worker:
    """One worker on the running event loop. `run` may be called once."""

    def __init__(self, settings: Settings) -> None:
        assert settings.database_url is not None, "the caller resolves the database"
        self._settings = settings
        self._url = settings.database_url
        self._weights = parse_queues(settings.worker_queues)
        self._id = str(uuid.uuid4())
        self._name = settings.worker_name or f"{socket.gethostname()}-{os.getpid()}"
        self._is_member = False
        self._registered = 0.0
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._insisted = asyncio.Event()
        self._pool = make_pool(self._url, "lapinq-worker", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
        self._notifier = Notifier(self._pool)
        self._settler = Settler(self._url, self._notifier.wake)
        self._dispatcher = Dispatcher(
            settings.worker_concurrency,
            self._settler.add,
            on_low=self._places_free,
            may_start=self._may_start,
        )
        limit, time_limit = settings.worker_concurrency, settings.worker_timeout
        self._coroutines = EventLoopPool(self._dispatcher, limit, time_limit)
        if settings.worker_pool == "threads":
            self._functions_pool = ThreadPool(self._dispatcher, time_limit)
        else:
            self._functions_pool = ProcessPool(
                self._dispatcher, limit, time_limit, settings.allowed_modules, settings.worker_imports
            )
        self._dispatcher.use(self._functions_pool)
        self._fetcher = Fetcher(
            self._url,
            QueueChoice(self._weights),
            self._dispatcher,
            Functions(settings.allowed_modules, time_limit),
            worker_id=lambda: self._id,
            poll_interval=settings.worker_poll_interval,
            time_limit=time_limit,
            may_claim=lambda: self._may_start() and not self._settler.is_full,
            settle=self._settler.add,
        )
        self._listener = Listener(settings.listen_database_url or self._url, "lapinq-worker listen")
        self._listener.subscribe(READY_CHANNEL, self._fetcher.woken)
        self._rescuer = Rescuer(self._pool, lambda: self._heartbeat.is_calm, self._notifier.wake)
        self._heartbeat = self._new_heartbeat()
        self._rebirth: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """First call: finish what runs. Second: hand it back now."""
        (self._insisted if self._stop.is_set() else self._stop).set()

    async def run(self) -> None:
        """Works until `stop` is called and everything is handed over."""
        await self._pool.open()
        try:
            await self._register()
            if not self._stop.is_set():
                await self._work()
        finally:
            if self._rebirth is not None:
                self._rebirth.cancel()
            self._heartbeat.stop()
            await self._pool.close()

    async def _work(self) -> None:
        settings = self._settings
        self._heartbeat.start(self._registered)
        settle = asyncio.create_task(self._settler.run(), name="settler")
        pools = [
            asyncio.create_task(self._coroutines.run(), name="event loop pool"),
            asyncio.create_task(self._functions_pool.run(), name="pool"),
        ]
        rest = [asyncio.create_task(self._notifier.run(), name="notifier"), asyncio.create_task(self._tick())]
        chores = run_chores(
            self._pool, self._notifier, self._stop, cleanup_interval=settings.cleanup_interval
        )
        sweep = run_every(
            "rescuer",
            self._rescuer.sweep,
            interval=settings.stale_recovery_interval,
            stop=self._stop,
            expected=is_away,
        )
        until_stop = [
            asyncio.create_task(self._fetcher.run(self._stop), name="fetcher"),
            asyncio.create_task(self._listener.run(self._stop), name="listener"),
            asyncio.create_task(chores, name="chores"),
            asyncio.create_task(sweep, name="rescuer"),
        ]
        everything = [settle, *pools, *rest, *until_stop]
        told = asyncio.create_task(self._stop.wait())
        log.info("worker %s serves %s", self._id, ", ".join(self._weights) or "all queues")
        try:
            await asyncio.wait([told, *everything], return_when=asyncio.FIRST_COMPLETED)
            self._stop.set()
            await self._wind_down(until_stop)
        finally:
            for task in (told, *everything):
                task.cancel()
            await asyncio.wait(everything, timeout=FLUSH_SECONDS)
        for task in everything:
            # None of them ends by itself; one that did has a fault of ours in it.
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _wind_down(self, until_stop: list[asyncio.Task[None]]) -> None:
        fetcher, *others = until_stop
        for task in others:
            task.cancel()
        await asyncio.wait([fetcher], timeout=CLAIM_SECONDS)
        fetcher.cancel()
        await self._hand_back_waiting()
        if self._dispatcher.active:
            log.info(
                "waiting up to %g s for %d running tasks",
                self._settings.shutdown_grace,
                self._dispatcher.active,
            )
        await pause_for(self._settings.shutdown_grace, self._dispatcher.idle, self._insisted)
        if self._dispatcher.active:
            log.warning("handing back %d tasks that did not finish in time", self._dispatcher.active)
            self._interrupt(Interrupted())
            await pause_for(INTERRUPT_SECONDS, self._dispatcher.idle)
        await _insist("write the last outcomes", self._settler.flushed)
        self._heartbeat.stop()
        await _insist("sign off", self._deregister)

    async def _hand_back_waiting(self) -> None:
        claims = [job.claim for job in self._dispatcher.withdraw() if not job.claim.is_transient]
        claims += self._fetcher.withdraw()

        async def hand_back() -> None:
            async with self._pool.connection() as conn:
                # A claim that was broken off may have taken tasks.
                for token in self._fetcher.doubtful:
                    claims.extend(await work.reclaim(conn, worker=self._id, token=token))
                self._notifier.wake(await work.release(conn, claims))

        if claims or self._fetcher.doubtful:
            await _insist(f"hand back {len(claims)} tasks", hand_back)

    async def _deregister(self) -> None:
        async with self._pool.connection() as conn:
            await workers.deregister(conn, self._id)

    async def _register(self) -> None:
        record = WorkerRecord(
            id=self._id,
            name=self._name,
            version=__version__,
            queues=list(self._weights) or None,
            pool=self._settings.worker_pool,
            concurrency=self._settings.worker_concurrency,
            lease_seconds=self._settings.lease_seconds,
        )

        async def turn() -> None:
            async with self._pool.connection() as conn:
                self._registered = time.monotonic()
                await workers.register(conn, record)
            self._is_member = True
            raise StopLoop

        await run_every("register", turn, interval=0.1, stop=self._stop, expected=_not_ready)

    def _new_heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._url,
            self._id,
            interval=self._settings.heartbeat_interval,
            lease=self._settings.lease_seconds,
            stuck_after=self._settings.worker_timeout + self._settings.lease_seconds,
            declared_dead=self._declared_dead,
        )

    def _declared_dead(self) -> None:
        # Called in the heartbeat's thread.
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(self._begin_anew)

    def _begin_anew(self) -> None:
        self._is_member = False
        self._dispatcher.withdraw()
        self._interrupt(WorkerLost(self._name))  # their starts are spent, whoever writes their ends
        self._id = str(uuid.uuid4())
        self._rebirth = asyncio.create_task(self._be_reborn(), name="begin anew")

    def _interrupt(self, outcome: Outcome) -> None:
        self._coroutines.interrupt(outcome)
        self._functions_pool.interrupt(outcome)

    async def _be_reborn(self) -> None:
        await self._register()
        if not self._is_member:
            return  # told to stop meanwhile
        self._heartbeat = self._new_heartbeat()
        self._heartbeat.start(self._registered)
        self._dispatcher.start_what_fits()
        self._fetcher.woken("")

    async def _tick(self) -> None:
        while True:
            self._heartbeat.loop_turned()
            self._dispatcher.start_what_fits()
            await asyncio.sleep(LOOP_TICK_SECONDS)

    def _places_free(self) -> None:
        self._fetcher.places_free()

    def _may_start(self) -> bool:
        return self._is_member and self._heartbeat.is_current and not self._stop.is_set()


@asynccontextmanager
async def worker_companion(settings: Settings) -> AsyncGenerator[Worker]:
    """A worker that runs on the current event loop while the context lasts, and is stopped gently at its end."""
    worker = Worker(settings)
    # A group, so that a worker that fails ends the context instead of dying unnoticed.
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(), name="worker")
        try:
            yield worker
        finally:
            worker.stop()


async def _insist(what: str, turn: Callable[[], Awaitable[None]]) -> None:
    """Calls `turn` until it succeeds or `FLUSH_SECONDS` are over; what is left then is rescued by others."""

    async def once() -> None:
        await turn()
        raise StopLoop

    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await run_every(what, once, interval=0.0, stop=asyncio.Event(), expected=is_away)
    except TimeoutError:
        log.warning("could not %s", what)


def _not_ready(error: BaseException) -> bool:
    """The database is away, or not migrated yet."""
    return is_away(error) or isinstance(error, psycopg.errors.UndefinedTable)
