"""Opens and closes what all requests of one application share while its lifespan lasts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lapinq_api.batching.changes import Changes
from lapinq_api.credentials.default_password import DefaultPassword
from lapinq_api.credentials.key_cache import KeyCache
from lapinq_api.metrics.gauges import Gauges
from lapinq_api.overload.database import Database
from lapinq_api.state import MAX_PAGE_QUERIES, Connected, State
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.batching.waiting import ResultWaits
from lapinq_core.db.notify import ready_notices
from lapinq_core.db.notify.channels import ACTS_CHANNEL, DONE_CHANNEL, WAIT_CHANNEL, WATCH_CHANNEL
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier, joined
from lapinq_core.people.keys import ACCESS_CHANNEL
from lapinq_core.tasks.due_notices import delayed_notifier


@asynccontextmanager
async def connected(state: State, name: str = "lapinq-api") -> AsyncGenerator[asyncio.TaskGroup]:
    """Connects `state` while the context lasts; `name` shows in `pg_stat_activity`.

    Yields the group of its background tasks. Requests are refused until somebody calls `state.database.admit_calls`.
    Opening returns immediately, even while the database is unavailable.
    """
    settings = state.settings
    assert settings.database_url is not None, "the caller resolves the database"
    database = Database(settings.database_url, settings.pool_size, name, caller_share=settings.caller_share)
    stop = asyncio.Event()
    state.stopping = asyncio.Event()
    state.bulk_started = asyncio.Event()
    await database.open()
    try:
        async with asyncio.TaskGroup() as group:
            notifier = Notifier(database.pool)
            listener = Listener(settings.listen_database_url or settings.database_url, f"{name} listen")
            delayed = delayed_notifier(database.pool)
            interest = Notifier(database.pool, WAIT_CHANNEL, joined)
            watched = Notifier(database.pool, WATCH_CHANNEL, joined)
            waiting = ResultWaits(database, interest.wake, state.stopping)
            listener.subscribe(DONE_CHANNEL, waiting.on_notify)
            changes = Changes()
            for channel in ready_notices.ALL_CHANNELS:
                listener.subscribe(channel, changes.on_notify)
            acted = Notifier(database.pool, ACTS_CHANNEL, joined)
            acts = Changes()
            listener.subscribe(ACTS_CHANNEL, lambda _: state.long_windows.forget_brief())
            listener.subscribe(ACTS_CHANNEL, acts.on_notify)
            keys = KeyCache(database, group)
            listener.subscribe(ACCESS_CHANNEL, keys.on_notify)
            access_changes = Changes()
            listener.subscribe(ACCESS_CHANNEL, access_changes.on_notify)
            default_password = DefaultPassword(database)
            listener.subscribe(ACCESS_CHANNEL, default_password.on_notify)
            background = [
                group.create_task(notifier.run()),
                group.create_task(delayed.run()),
                group.create_task(database.gate.run()),
                group.create_task(interest.run()),
                group.create_task(watched.run()),
                group.create_task(acted.run()),
                group.create_task(waiting.run()),
                group.create_task(listener.run(stop)),
                group.create_task(keys.run(stop)),
            ]
            gauges = Gauges(database, (notifier, delayed, interest, watched, acted), listener)
            state.connect(
                Connected(
                    database=database,
                    enqueue_batcher=EnqueueBatcher(database, notifier, delayed, group),
                    notifier=notifier,
                    watched=watched,
                    listener=listener,
                    waiting=waiting,
                    keys=keys,
                    gauges=gauges,
                    changes=changes,
                    acts=acts,
                    acted=acted,
                    access_changes=access_changes,
                    default_password=default_password,
                    page_queries=asyncio.Semaphore(MAX_PAGE_QUERIES),
                )
            )
            try:
                with state.metrics.showing(gauges):
                    yield group
            finally:
                stop.set()
                state.stopping.set()
                await asyncio.gather(notifier.flush(), delayed.flush())
                state.disconnect()
                await keys.close()
                await gauges.close()
                for task in background:
                    task.cancel()
    finally:
        await database.close()
