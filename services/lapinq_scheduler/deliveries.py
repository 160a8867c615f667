"""Delivers webhooks: takes what is due from the outbox, sends it, notes what came of it.

Any number of processes may do this and share the work. One that dies between sending and noting leaves a lease that
runs out, and the event is sent again: at least once, then, and always with the same id.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool, make_pool
from lapinq_core.domain.webhooks.target import read_allowed
from lapinq_core.domain.webhooks.webhook import NotTaken, Taken, WebhookState, next_wait, read_secret
from lapinq_core.runtime.loops import pause_for, run_every
from lapinq_core.runtime.metrics import Metrics
from lapinq_core.runtime.settings import Settings
from lapinq_core.webhooks import deliveries
from lapinq_core.webhooks.deliveries import FIRST_HOST, DueWebhook
from lapinq_scheduler.guarded_network import GuardedNetwork
from lapinq_scheduler.metrics import DeliveryMetrics
from lapinq_scheduler.posting import WHOLE_SECONDS, Poster
from lapinq_scheduler.receivers import MOST_AT_ONCE, MOST_EACH, Receivers

POOL_SIZE = 2
POOL_TIMEOUT_SECONDS = 10.0
TURN_SECONDS = 5.0
"""For a look at what is due. A database that is silent must not hold up a stop for longer."""
POLL_SECONDS = 0.5
LEASE_SECONDS = WHOLE_SECONDS + 15.0
"""How long a try has, with what is noted of it, before somebody else makes it again."""
STOP_SECONDS = 5.0
"""How long those on their way get when the process stops."""
_NOTE_PAUSES = (0.2, 1.0, 3.0, 5.0)

log = logging.getLogger(__name__)


async def run_deliveries(settings: Settings, stop: asyncio.Event, metrics: Metrics) -> None:
    """Works until `stop` is set, shown in `metrics`. The database may be away for any time meanwhile."""
    assert settings.database_url is not None, "the caller resolves the database"
    network = GuardedNetwork(read_allowed(settings.webhook_allow))
    keys = [read_secret(secret) for secret in settings.webhook_secret]
    poster = Poster(network, keys, most_at_once=MOST_AT_ONCE)
    pool = make_pool(settings.database_url, "lapinq-webhooks", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
    await pool.open()
    shown = DeliveryMetrics()
    deliveries = _Deliveries(pool, poster, stop, shown, are_signed=bool(keys))
    try:
        with metrics.showing(shown):
            await run_every(
                "deliver webhooks",
                deliveries.turn,
                interval=POLL_SECONDS,
                stop=stop,
                deadline=TURN_SECONDS,
                expected=is_away,
            )
    finally:
        await deliveries.wind_down()
        await poster.close()
        await pool.close()


@asynccontextmanager
async def deliveries_companion(settings: Settings) -> AsyncGenerator[Metrics]:
    """Delivers on the current event loop while the context lasts."""
    stop = asyncio.Event()
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_deliveries(settings, stop, metrics), name="deliver webhooks")
        try:
            yield metrics
        finally:
            stop.set()


class _Deliveries:
    """What is on its way, and where the search for more goes on."""

    def __init__(
        self, pool: Pool, poster: Poster, stop: asyncio.Event, metrics: DeliveryMetrics, *, are_signed: bool
    ) -> None:
        self._pool = pool
        self._poster = poster
        self._stop = stop
        self._metrics = metrics
        self._is_warned = are_signed
        self._receivers = Receivers()
        self._after = FIRST_HOST
        self._after_known = FIRST_HOST
        self._is_amid = False  # more hosts are to be looked at before the next pause
        self._ended = asyncio.Event()
        self._on_their_way: set[asyncio.Task[None]] = set()

    async def turn(self) -> float:
        """Sends what is due and has a place, then waits until a place is free or it is time to look again."""
        self._ended.clear()
        receivers, is_first = self._receivers, not self._is_amid
        if receivers.free_for_any and (is_first or self._after != FIRST_HOST):
            self._send_all(await self._take_of_any())
        if receivers.free and receivers.known_places() and (is_first or self._after_known != FIRST_HOST):
            self._send_all(await self._take_of_known())
        self._is_amid = bool(
            (self._after != FIRST_HOST and receivers.free_for_any)
            or (self._after_known != FIRST_HOST and receivers.free)
        )
        if self._is_amid:
            return 0.0
        await pause_for(POLL_SECONDS, self._ended, self._stop)
        return 0.0

    async def wind_down(self) -> None:
        """Gives those on their way a while; what is not noted by then is sent again after its lease."""
        if self._on_their_way:
            _, late = await asyncio.wait(self._on_their_way, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take_of_any(self) -> list[DueWebhook]:
        async with self._pool.connection() as conn:
            taken, self._after = await deliveries.take(
                conn,
                self._receivers.free_for_any,
                lease=LEASE_SECONDS,
                places=self._receivers.places(),
                places_each=MOST_EACH,
                after=self._after,
            )
        return taken

    async def _take_of_known(self) -> list[DueWebhook]:
        async with self._pool.connection() as conn:
            taken, self._after_known = await deliveries.take(
                conn,
                self._receivers.free,
                lease=LEASE_SECONDS,
                places=self._receivers.known_places(),
                places_each=0,
                after=self._after_known,
            )
        return taken

    def _send_all(self, taken: list[DueWebhook]) -> None:
        if taken and not self._is_warned:
            self._is_warned = True
            log.warning(
                "webhooks are sent unsigned: receivers can't tell them from forgeries; set LAPINQ_WEBHOOK_SECRET"
            )
        for due in taken:
            self._send(due)

    def _send(self, due: DueWebhook) -> None:
        self._receivers.started(due.host)
        task = asyncio.create_task(self._deliver(due), name="webhook")
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)

    async def _deliver(self, due: DueWebhook) -> None:
        answered, began, took = False, time.monotonic(), 0.0
        try:
            try:
                outcome = await self._poster.post(due)
            except Exception:  # as around a loop's turn: the others go on, and this one is not tried for ever
                log.exception("webhook %s could not be sent to %s", due.event.event_id, due.host)
                outcome = NotTaken("it could not be sent, and the log says why")
            answered, took = outcome.answer is not None, time.monotonic() - began
            await self._note(due, outcome)
        finally:
            self._receivers.ended(due.host, answered=answered, seconds=took)
            self._ended.set()

    async def _note(self, due: DueWebhook, outcome: Taken | NotTaken) -> None:
        """Notes it as soon as the database is there, within the lease."""
        for pause in (*_NOTE_PAUSES, None):
            try:
                async with self._pool.connection() as conn:
                    state = await _note_once(conn, due, outcome)
            except Exception as error:  # noqa: BLE001  # as around a loop's turn
                if pause is None or not is_away(error):
                    log.warning(
                        "what came of webhook %s could not be noted; it will be sent again: %s",
                        due.event.event_id,
                        error,
                    )
                    return
                await asyncio.sleep(pause)
            else:
                self._metrics.tried(state)
                return


async def _note_once(
    conn: psycopg.AsyncConnection, due: DueWebhook, outcome: Taken | NotTaken
) -> WebhookState:
    """Answers the state that the try would leave its webhook in, also when it is too late to be noted."""
    which = (due.event.event_id, due.event.task_id, due.host)
    match outcome:
        case Taken(answer=answer):
            if await deliveries.delivered(conn, due, answer):
                log.debug("webhook %s of task %s: delivered to %s", *which)
            else:
                log.info("webhook %s of task %s: delivered to %s, too late to be noted", *which)
            return WebhookState.DELIVERED
        case NotTaken(failure=failure, wait=asked):
            wait = next_wait(due.tries, random.random(), asked)  # noqa: S311  # spreads the tries
            state = await deliveries.failed(conn, due, outcome, wait)
            match state:
                case WebhookState.GIVEN_UP:
                    log.warning("webhook %s of task %s: given up on %s: %s", *which, failure)
                case WebhookState.PENDING:
                    log.info(
                        "webhook %s of task %s: not taken by %s: %s; next try in %.0f s",
                        *which,
                        failure,
                        wait,
                    )
                case _:
                    log.info("webhook %s of task %s: not taken by %s, too late to be noted", *which)
            return state or WebhookState.PENDING
