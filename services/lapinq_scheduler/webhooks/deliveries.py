"""Delivers webhooks: takes due ones, posts them and records the outcome. Beside that it sends notifications.

Any number of processes share the work. If one dies between posting and recording, its lease ends and another process
posts the event again. Delivery is therefore at least once, always with the same id.
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
from lapinq_core.domain.webhooks.signature import read_keys
from lapinq_core.domain.webhooks.target import read_allowed
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered, WebhookState, next_wait
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.loops import Loop
from lapinq_core.runtime.settings import Settings
from lapinq_core.webhooks import deliveries
from lapinq_core.webhooks.deliveries import FIRST_HOST, DueWebhook
from lapinq_scheduler.alerts.notifications import (
    SEND_SECONDS,
    Notifications,
)
from lapinq_scheduler.metrics import DeliveryMetrics, NotificationMetrics
from lapinq_scheduler.webhooks.guarded_network import GuardedNetwork
from lapinq_scheduler.webhooks.poster import WHOLE_SECONDS, Poster
from lapinq_scheduler.webhooks.receivers import Receivers

POOL_SIZE = 2
POOL_TIMEOUT_SECONDS = 10.0
TURN_SECONDS = 5.0
"""Deadline for taking due webhooks. An unresponsive database must not delay a stop for longer."""
POLL_SECONDS = 0.5
LEASE_SECONDS = WHOLE_SECONDS + 15.0
"""How long a process may take to post and record a delivery before another process posts it again."""
STOP_SECONDS = 5.0
"""How long deliveries in flight may take when the process stops."""
_RECORD_PAUSES = (0.2, 1.0, 3.0, 5.0)

log = logging.getLogger(__name__)


async def run_deliveries(settings: Settings, stop: asyncio.Event, metrics: Metrics) -> None:
    """Runs until `stop` is set, through outages of the database. Its figures appear in `metrics`."""
    assert settings.database_url is not None, "the caller resolves the database"
    network = GuardedNetwork(read_allowed(settings.webhook_allow, settings.webhook_allow_public))
    keys = read_keys(settings.webhook_secret)
    receivers = Receivers(settings.webhooks_per_host)
    poster = Poster(network, keys, max_at_once=receivers.at_once)
    pool = make_pool(settings.database_url, "lapinq-webhooks", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
    await pool.open()
    of_webhooks, of_notifications = DeliveryMetrics(), NotificationMetrics()
    deliveries = _Deliveries(pool, poster, receivers, of_webhooks, are_signed=bool(settings.webhook_secret))
    notifications = Notifications(pool, poster, settings, stop, of_notifications)
    try:
        with metrics.showing(of_webhooks), metrics.showing(of_notifications):
            async with asyncio.TaskGroup() as group:
                for name, turn, wake, deadline in (
                    ("deliver webhooks", deliveries.turn, deliveries.ended, TURN_SECONDS),
                    ("send notifications", notifications.send, None, SEND_SECONDS),
                    ("check conditions", notifications.check, None, TURN_SECONDS),
                ):
                    loop = Loop(name, turn, until=stop, wake=wake, deadline=deadline, expected=is_away)
                    group.create_task(loop.run(), name=name)
    finally:
        await deliveries.wind_down()
        await poster.close()
        await pool.close()


@asynccontextmanager
async def embedded_deliveries(settings: Settings) -> AsyncGenerator[Metrics]:
    """Delivers webhooks on the current event loop while the context lasts."""
    stop = asyncio.Event()
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_deliveries(settings, stop, metrics), name="deliver webhooks")
        try:
            yield metrics
        finally:
            stop.set()


class _Deliveries:
    """The deliveries in flight, and where the search for due webhooks continues. `ended` is set when one ends."""

    def __init__(
        self,
        pool: Pool,
        poster: Poster,
        receivers: Receivers,
        metrics: DeliveryMetrics,
        *,
        are_signed: bool,
    ) -> None:
        self._pool = pool
        self._poster = poster
        self._metrics = metrics
        self._is_warned = are_signed
        self._receivers = receivers
        self._after = FIRST_HOST
        self._after_known = FIRST_HOST
        self._has_more = False  # hosts left to query before the next pause
        self.ended = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()

    async def turn(self) -> float:
        """Posts due webhooks within the limits. Returns the pause before the next poll."""
        receivers, is_first = self._receivers, not self._has_more
        if receivers.free_for_any and (is_first or self._after != FIRST_HOST):
            self._send_all(await self._take_for_any_host())
        if receivers.free and receivers.known_places() and (is_first or self._after_known != FIRST_HOST):
            self._send_all(await self._take_for_known_hosts())
        self._has_more = bool(
            (self._after != FIRST_HOST and receivers.free_for_any)
            or (self._after_known != FIRST_HOST and receivers.free)
        )
        return 0.0 if self._has_more else POLL_SECONDS

    async def wind_down(self) -> None:
        """Waits briefly for deliveries in flight. Those not recorded by then are posted again after their lease."""
        if self._in_flight:
            _, late = await asyncio.wait(self._in_flight, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take_for_any_host(self) -> list[DueWebhook]:
        async with self._pool.connection() as conn:
            taken, self._after = await deliveries.take(
                conn,
                self._receivers.free_for_any,
                lease=LEASE_SECONDS,
                places=self._receivers.places(),
                places_each=self._receivers.per_host,
                after=self._after,
            )
        return taken

    async def _take_for_known_hosts(self) -> list[DueWebhook]:
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
                "webhooks are sent unsigned, so receivers cannot tell them from forgeries; set"
                " LAPINQ_WEBHOOK_SECRET"
            )
        for due in taken:
            self._send(due)

    def _send(self, due: DueWebhook) -> None:
        self._receivers.started(due.host)
        task = asyncio.create_task(self._deliver(due), name="webhook")
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _deliver(self, due: DueWebhook) -> None:
        answered, began, took = False, time.monotonic(), 0.0
        try:
            try:
                outcome = await self._poster.deliver(due)
            except (
                Exception
            ):  # as in a loop: the others continue, and this one still counts as a failed delivery
                log.exception("webhook %s could not be sent to %s", due.event.event_id, due.host)
                outcome = Undelivered("it could not be sent; see the scheduler's log")
            answered, took = outcome.answer is not None, time.monotonic() - began
            await self._record(due, outcome)
        finally:
            self._receivers.ended(due.host, answered=answered, seconds=took)
            self.ended.set()

    async def _record(self, due: DueWebhook, outcome: Delivered | Undelivered) -> None:
        """Records the outcome as soon as the database is available, within the lease."""
        for pause in (*_RECORD_PAUSES, None):
            try:
                async with self._pool.connection() as conn:
                    state = await _record_once(conn, due, outcome)
            except Exception as error:  # noqa: BLE001  # as around a loop's turn
                if pause is None or not is_away(error):
                    log.warning(
                        "the outcome of webhook %s could not be recorded; it will be sent again: %s",
                        due.event.event_id,
                        error,
                    )
                    return
                await asyncio.sleep(pause)
            else:
                self._metrics.count(state)
                return


async def _record_once(
    conn: psycopg.AsyncConnection, due: DueWebhook, outcome: Delivered | Undelivered
) -> WebhookState:
    """Returns the state that this delivery leaves its webhook in, even if the lease ended before it was recorded."""
    which = (due.event.event_id, due.event.task_id, due.host)
    match outcome:
        case Delivered(answer=answer):
            if await deliveries.delivered(conn, due, answer):
                log.debug("webhook %s of task %s: delivered to %s", *which)
            else:
                log.info("webhook %s of task %s: delivered to %s, but too late to record it", *which)
            return WebhookState.DELIVERED
        case Undelivered(failure=failure, wait=asked):
            wait = next_wait(due.tries, random.random(), asked)  # noqa: S311  # spreads the tries
            state = await deliveries.failed(conn, due, outcome, wait)
            match state:
                case WebhookState.GIVEN_UP:
                    log.warning("webhook %s of task %s: given up on %s: %s", *which, failure)
                case WebhookState.PENDING:
                    log.info(
                        "webhook %s of task %s: %s did not accept it: %s; next try in %.0f s",
                        *which,
                        failure,
                        wait,
                    )
                case _:
                    log.info("webhook %s of task %s: %s did not accept it; too late to record it", *which)
            return state or WebhookState.PENDING
