"""What runs beside the requests, from the start of the application to its end.

The start waits for the first attempt to reach the database and find its schema. If that fails, the application starts
anyway, answers 503, and keeps trying. Embedded services (a worker or a scheduler in this process) start when the
schema is ready. One that fails later is restarted.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette

from lapinq_api.auth.first_user import FirstUser
from lapinq_api.batching.changes import Changes
from lapinq_api.credentials.default_password import DefaultPassword
from lapinq_api.credentials.key_cache import KeyCache
from lapinq_api.embedded.schema_preparation import SchemaPreparation
from lapinq_api.embedded.service_runner import EmbeddedService, ServiceRunner
from lapinq_api.metrics.gauges import Gauges
from lapinq_api.overload.database import Database
from lapinq_api.state import MAX_PAGE_QUERIES, Connected, State
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.batching.waiting import ResultWaits
from lapinq_core.db.channels import DONE_CHANNEL, READY_CHANNEL, WAIT_CHANNEL
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import Notifier, joined
from lapinq_core.people.keys import ACCESS_CHANNEL
from lapinq_core.tasks.due_notices import delayed_notifier


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
                schema = SchemaPreparation(settings, migrates=migrates, on_ready=database.admit_calls)
                group.create_task(schema.run(stop))
                first_user = FirstUser(state, schema.ready)
                group.create_task(first_user.run(stop))
                forced: asyncio.Event = app.state.stop_is_forced
                runners = [
                    ServiceRunner(service, schema.ready, stop, forced, state.metrics) for service in services
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
