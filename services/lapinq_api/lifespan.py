"""What runs beside the requests, from the start of the application to its end.

The start waits for the first attempt to reach the database and find its schema. If that fails, the application starts
anyway, answers 503, and keeps trying. Embedded services (a worker or a scheduler in this process) start when the
schema is ready. One that fails later is restarted.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Protocol, runtime_checkable

from starlette.applications import Starlette

from lapinq_api.auth.first_user import FirstUser
from lapinq_api.batching.changes import Changes
from lapinq_api.batching.enqueue_batcher import EnqueueBatcher
from lapinq_api.batching.waiting import ResultWaits
from lapinq_api.credentials.default_password import DefaultPassword
from lapinq_api.credentials.key_cache import KeyCache
from lapinq_api.metrics.gauges import Gauges
from lapinq_api.overload.database import Database
from lapinq_api.state import MAX_PAGE_QUERIES, Connected, State
from lapinq_core.db.channels import DONE_CHANNEL, READY_CHANNEL, WAIT_CHANNEL
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import Notifier, joined
from lapinq_core.db.startup import prepare_schema
from lapinq_core.domain.errors import LapinqError
from lapinq_core.monitoring.metrics import Metrics, Source
from lapinq_core.people.keys import ACCESS_CHANNEL
from lapinq_core.runtime.loops import pause_for
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks.due_notices import delayed_notifier

EmbeddedService = Callable[[], AbstractAsyncContextManager[object]]
"""Runs while its context lasts and stops gracefully at its end. If it is a `Source`, its metrics are shown."""


@runtime_checkable
class Stoppable(Protocol):
    """An embedded service that can end immediately: `stop` is called while it stops gracefully."""

    def stop(self) -> None: ...


FIRST_ATTEMPT_SECONDS = 15.0
INITIAL_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 2.0
RESTART_SECONDS = 2.0

log = logging.getLogger(__name__)


def make_lifespan(
    state: State, services: Sequence[EmbeddedService], *, migrates: bool
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """The lifespan of an application with this state. It may run again after its end."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        settings = state.settings
        assert settings.database_url is not None, "the caller resolves the database"
        database = Database(settings.database_url, settings.pool_size)
        stop = asyncio.Event()
        state.stopping = asyncio.Event()
        await database.open()
        try:
            async with asyncio.TaskGroup() as group:
                notifier = Notifier(database.pool)
                listener = Listener(
                    settings.listen_database_url or settings.database_url, "lapinq-api listen"
                )
                delayed = delayed_notifier(database.pool)
                interest = Notifier(database.pool, WAIT_CHANNEL, joined)
                waiting = ResultWaits(database, interest.wake, state.stopping)
                listener.subscribe(DONE_CHANNEL, waiting.on_notify)
                changes = Changes()
                listener.subscribe(READY_CHANNEL, changes.on_notify)
                keys = KeyCache(database, group)
                listener.subscribe(ACCESS_CHANNEL, keys.on_notify)
                access_changes = Changes()
                listener.subscribe(ACCESS_CHANNEL, access_changes.on_notify)
                default_password = DefaultPassword(database)
                listener.subscribe(ACCESS_CHANNEL, default_password.on_notify)
                background = [
                    group.create_task(notifier.run()),
                    group.create_task(delayed.run()),
                    group.create_task(database.breaker.run()),
                    group.create_task(interest.run()),
                    group.create_task(waiting.run()),
                    group.create_task(listener.run(stop)),
                    group.create_task(keys.run(stop)),
                ]
                schema = _Schema(database, settings, migrates=migrates)
                group.create_task(schema.run(stop))
                first_user = FirstUser(state, schema.ready)
                group.create_task(first_user.run(stop))
                forced: asyncio.Event = app.state.stop_is_forced
                runners = [
                    _ServiceRunner(service, schema.ready, stop, forced, state.metrics) for service in services
                ]
                running = [group.create_task(runner.run()) for runner in runners]
                gauges = Gauges(database, (notifier, delayed, interest), listener)
                state.connect(
                    Connected(
                        database=database,
                        enqueue_batcher=EnqueueBatcher(database, notifier, delayed, group),
                        notifier=notifier,
                        listener=listener,
                        waiting=waiting,
                        keys=keys,
                        gauges=gauges,
                        changes=changes,
                        access_changes=access_changes,
                        default_password=default_password,
                        page_queries=asyncio.Semaphore(MAX_PAGE_QUERIES),
                    )
                )
                try:
                    with state.metrics.showing(gauges):
                        if await schema.first_attempt():
                            await first_user.first_attempt()
                            for runner in runners:
                                await runner.first_start()
                        yield
                finally:
                    stop.set()
                    state.stopping.set()
                    await asyncio.gather(*running)
                    state.disconnect()
                    await keys.close()
                    await gauges.close()
                    for task in background:
                        task.cancel()
        finally:
            await database.close()

    return lifespan


class _Schema:
    """Tries until the schema is ready, then lets requests through."""

    def __init__(self, database: Database, settings: Settings, *, migrates: bool) -> None:
        assert settings.database_url is not None, "the caller resolves the database"
        self._database = database
        self._prepare = partial(
            prepare_schema,
            settings.database_url,
            migrates=migrates,
            direct_url=settings.listen_database_url,
        )
        self._attempted = asyncio.Event()
        self.ready = asyncio.Event()

    async def first_attempt(self) -> bool:
        """Waits up to `FIRST_ATTEMPT_SECONDS` for the first attempt. Returns whether the schema is ready."""
        await pause_for(FIRST_ATTEMPT_SECONDS, self._attempted)
        return self.ready.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        pause, said = INITIAL_PAUSE_SECONDS, ""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self._prepare)
            except LapinqError as error:
                if str(error) != said:
                    log.warning("answering 503 until the database is usable: %s", error)
                    said = str(error)
            except Exception:
                log.exception("answering 503 until the database is usable")
            else:
                self._database.is_ready = True
                self.ready.set()
                return
            finally:
                self._attempted.set()
            await pause_for(pause, stop)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)


class _ServiceRunner:
    """Runs one embedded service from `ready` to `stop`, and restarts it when it fails."""

    def __init__(
        self,
        service: EmbeddedService,
        ready: asyncio.Event,
        stop: asyncio.Event,
        forced: asyncio.Event,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._ready = ready
        self._stop = stop
        self._forced = forced
        self._metrics = metrics
        self._started = asyncio.Event()
        self._failure: Exception | None = None
        self._is_awaited = False

    async def first_start(self) -> None:
        """Waits until it has started. Raises the error if it could not."""
        self._is_awaited = True
        await self._started.wait()
        if self._failure:
            raise self._failure

    async def run(self) -> None:
        while not (self._ready.is_set() or self._stop.is_set()):
            await pause_for(3600.0, self._ready, self._stop)
        while not self._stop.is_set():
            try:
                await self._run_once()
            except Exception as error:
                if self._is_awaited and not self._started.is_set():
                    self._failure = error
                    self._started.set()
                    return
                log.exception("a service in this process failed; restarting it in %g s", RESTART_SECONDS)
                await pause_for(RESTART_SECONDS, self._stop)

    async def _run_once(self) -> None:
        forcing = None
        try:
            async with self._service() as running:
                self._started.set()
                if isinstance(running, Stoppable):
                    forcing = asyncio.create_task(self._stop_when_forced(running))
                with self._metrics.showing(running) if isinstance(running, Source) else nullcontext():
                    await self._stop.wait()
        finally:
            if forcing:
                forcing.cancel()

    async def _stop_when_forced(self, running: Stoppable) -> None:
        await self._forced.wait()
        running.stop()
