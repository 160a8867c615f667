"""Sends the messages of rules and checks the conditions that lead to some.

Any number of processes share the work, as with webhooks: a message is sent at least once, under a lease. One process at
a time checks the conditions.
"""

import asyncio
import logging
import random
import uuid

from lapinq_core.alerts import conditions, messages
from lapinq_core.alerts.messages import DueMessage
from lapinq_core.db.pool import Pool
from lapinq_core.domain.alerts.message import Message, slack_body, subject_of, text_of, webhook_body
from lapinq_core.domain.alerts.rule import Channel
from lapinq_core.domain.alerts.smtp_url import read_smtp_url
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered, next_wait
from lapinq_core.runtime.settings import Settings
from lapinq_scheduler.alerts.mailer import WHOLE_SECONDS, Mailer
from lapinq_scheduler.metrics import NotificationMetrics
from lapinq_scheduler.webhooks.poster import Poster

SEND_INTERVAL_SECONDS = 2.0
CHECK_INTERVAL_SECONDS = 30.0
LEASE_SECONDS = WHOLE_SECONDS + 20.0
SEND_SECONDS = LEASE_SECONDS
STOP_SECONDS = 5.0
"""How long messages in flight may take when the process stops."""
MAX_AT_ONCE = 4
"""Messages that one process sends at the same time: a slow receiver holds up few others."""

log = logging.getLogger(__name__)


class Notifications:
    """One process's part. `poster` connects to the same addresses as for webhooks, under the same restrictions."""

    def __init__(
        self,
        pool: Pool,
        poster: Poster,
        settings: Settings,
        stop: asyncio.Event,
        metrics: NotificationMetrics,
    ) -> None:
        self._pool = pool
        self._stop = stop
        self._poster = poster
        self._metrics = metrics
        self._public_url = settings.public_url
        self.mailer: Mailer | None = None
        if settings.smtp_url is not None:
            server = read_smtp_url(settings.smtp_url)
            sender = settings.mail_from or server.user
            assert sender is not None, "the settings are checked"
            self.mailer = Mailer(server, sender)

    async def send(self) -> float:
        """Sends the messages that are due. Returns the pause before the next look. A stop waits for them briefly."""
        taken: list[DueMessage] = []
        async with self._pool.connection() as conn:
            while len(taken) < MAX_AT_ONCE and (due := await messages.take(conn, lease=LEASE_SECONDS)):
                taken.append(due)
        if not taken:
            return SEND_INTERVAL_SECONDS
        sending = [asyncio.create_task(self._deliver(due), name="notification") for due in taken]
        all_sent = asyncio.ensure_future(asyncio.wait(sending))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({all_sent, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({all_sent}, timeout=STOP_SECONDS)
        finally:
            # What is late is sent again, after its lease.
            late = [task for task in sending if not task.done()]
            for task in (stopped, all_sent, *late):
                task.cancel()
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return 0.0

    async def check(self) -> float:
        """Checks the conditions, unless another process does. Returns the pause before the next time."""
        async with self._pool.connection() as conn:
            await conditions.check(conn)
        return CHECK_INTERVAL_SECONDS

    async def _deliver(self, due: DueMessage) -> None:
        try:
            outcome = await self._outcome(due)
        except Exception:  # as in a loop: the others continue, and this one still counts as a try
            log.exception("rule %r: a message could not be sent", due.rule)
            outcome = Undelivered("it could not be sent; see the scheduler's log")
        async with self._pool.connection() as conn:
            match outcome:
                case Delivered(answer=answer, remark=remark):
                    await messages.sent(conn, due, answer, remark)
                    self._metrics.sent(due.channel)
                    log.info("rule %r: %d notifications sent", due.rule, len(due.notices) + due.left_out)
                    if remark is not None:
                        log.warning("rule %r: %s", due.rule, remark)
                case Undelivered(failure=failure, wait=asked):
                    wait = next_wait(due.tries + 1, random.random(), asked)  # noqa: S311  # spreads the tries
                    waiting, given_up = await messages.failed(conn, due, outcome, wait)
                    self._metrics.failed(due.channel, is_final=given_up > 0 and not waiting)
                    if given_up:
                        log.warning("rule %r: gave up %d notifications: %s", due.rule, given_up, failure)
                    if waiting:
                        log.warning(
                            "rule %r: a message was not accepted: %s; next try in %.0f s",
                            due.rule,
                            failure,
                            wait,
                        )

    async def _outcome(self, due: DueMessage) -> Delivered | Undelivered:
        message = Message(
            rule=due.rule, notices=due.notices, left_out=due.left_out, public_url=self._public_url
        )
        if due.channel is Channel.MAIL:
            if self.mailer is None:
                return Undelivered("no mail server is set: LAPINQ_SMTP_URL")
            return await self.mailer.send(due.addresses or (), subject_of(message), text_of(message))
        assert due.url is not None, "the database checks it"

        def body_for(audience: str) -> bytes:
            return slack_body(message) if due.channel is Channel.SLACK else webhook_body(message, audience)

        # All tries of the same notices have the same id.
        event_id = str(uuid.uuid5(_NAMESPACE, f"{due.rule_id} {due.ids}"))
        return await self._poster.post(
            due.url, body_for, event_id, due.timestamp, is_signed=due.channel is Channel.WEBHOOK
        )


_NAMESPACE = uuid.UUID("5f3f2b0e-6a55-5c0f-9d0c-5c1e6a1f4d21")
