"""Sending notifications: the real way by webhook, to Slack and by mail, with what is not accepted tried again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_string, policy

import pytest

from lapinq_core.alerts import outbox, rules
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import all_rows
from lapinq_core.domain.alerts.news import NewError
from lapinq_core.domain.alerts.rule import Channel
from lapinq_core.domain.alerts.smtp_url import read_smtp_url
from lapinq_core.domain.webhooks.signature import read_keys
from lapinq_core.domain.webhooks.target import read_allowed
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import Settings
from lapinq_scheduler.alerts import notifications as module
from lapinq_scheduler.alerts.mailer import Mailer
from lapinq_scheduler.alerts.notifications import SEND_INTERVAL_SECONDS, Notifications
from lapinq_scheduler.metrics import NotificationMetrics
from lapinq_scheduler.webhooks.guarded_network import GuardedNetwork
from lapinq_scheduler.webhooks.poster import Poster
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually_async
from tests.support.http.mail_server import mail_server
from tests.support.http.receiver import SECRET, receiving
from tests.support.rows.alerts import add_rule
from tests.support.rows.factories import SOMEBODY, Conn


def error(group: int = 1) -> NewError:
    return NewError(
        queue_name="mail", task_name="send", group_id=group, kind="KeyError: *", error="KeyError: '<a>'"
    )


@asynccontextmanager
async def notifying(
    database: str,
    allow: str = "127.0.0.1",
    stopped: asyncio.Event | None = None,
    metrics: NotificationMetrics | None = None,
    smtp_url: str | None = None,
) -> AsyncGenerator[tuple[Conn, Notifications]]:
    settings = Settings(
        database_url=database,
        public_url="https://q.example.org/lapinq/",
        smtp_url=smtp_url,
        mail_from="lapinq@example.org",
    )
    network = GuardedNetwork(read_allowed([allow]))
    poster = Poster(network, read_keys([SECRET]), max_at_once=4)
    async with make_pool(database, "test", 2, timeout=10) as pool, await Conn.open(database) as conn:
        try:
            yield (
                conn,
                Notifications(
                    pool, poster, settings, stopped or asyncio.Event(), metrics or NotificationMetrics()
                ),
            )
        finally:
            await poster.close()


async def states(conn: Conn) -> list[tuple[str, str | None]]:
    return await all_rows(conn, "SELECT state, failure FROM lapinq_notices ORDER BY id")


def mailer_to(host: str) -> Mailer:
    return Mailer(read_smtp_url(f"smtp://{host}?tls=no"), "lapinq@example.org")


async def test_a_webhook_gets_signed_json_and_slack_gets_text(database: str) -> None:
    with receiving() as receiver:
        async with notifying(database) as (conn, notifications):
            await add_rule(conn, name="a", url=receiver.url)
            await add_rule(conn, name="b", kind="slack", url=receiver.url, queues=["mail"])
            await outbox.store_news(conn, [error(7), error(8)])
            assert await notifications.send() == 0.0
            assert await states(conn) == [("sent", None)] * 4
            assert await notifications.send() == SEND_INTERVAL_SECONDS
    hook, slack = sorted(receiver.received, key=lambda received: "rule" not in received.told)
    assert hook.is_signed_with(SECRET)
    assert "webhook-id" not in slack.headers
    told = hook.told
    first, second = told.pop("events")
    assert told.pop("audience").endswith(hook.path)
    assert told == {"rule": "a", "left_out": 0}
    assert (first["event"], first["url"]) == ("error.new", "https://q.example.org/lapinq/errors/7")
    assert (first["error"], second["group_id"]) == ("KeyError: '<a>'", 8)
    assert "New error in mail: send failed with KeyError: '&lt;a&gt;'" in slack.told["text"]


async def test_messages_are_counted_and_what_is_not_accepted_waits_until_a_trial_goes_at_once(
    database: str,
) -> None:
    metrics, shown = NotificationMetrics(), Metrics()

    def tries() -> dict[tuple[str, str], float]:
        seen = Scraped(shown.text()[0].decode())
        return {
            (channel, outcome): seen.value(
                "lapinq_notification_tries_total", channel=channel, outcome=outcome
            )
            or 0.0
            for channel in Channel
            for outcome in ("sent", "failed", "given_up")
        }

    with receiving() as receiver, shown.showing(metrics):
        receiver.answer = lambda asked: ({"/hook/ok": 204, "/hook/gone": 410}.get(asked.path, 500), {})
        async with notifying(database, metrics=metrics) as (conn, notifications):
            assert set(tries().values()) == {0.0}
            await add_rule(conn, name="a", url=f"{receiver.url}/ok")
            await add_rule(conn, name="b", url=f"{receiver.url}/gone")
            waiting = await add_rule(conn, name="c", kind="slack", url=receiver.url)
            await add_rule(conn, name="d", kind="mail", url=None, addresses=["lisa@example.org"])
            await outbox.store_news(conn, [error()])
            await notifications.send()
            counted = {each for each, number in tries().items() if number}
            channels = (("webhook", "sent"), ("webhook", "given_up"), ("slack", "failed"), ("mail", "failed"))
            assert counted == set(channels)
            pending = [failure for state, failure in await states(conn) if state == "pending"]
            assert pending == ["it answered 500", "no mail server is set: LAPINQ_SMTP_URL"]
            assert await notifications.send() == SEND_INTERVAL_SECONDS
            receiver.received.clear()
            receiver.answer = lambda _: (204, {})
            await rules.send_trial(conn, waiting, by=SOMEBODY)
            await notifications.send()
    [received] = receiver.received  # both in one message
    assert all(word in received.told["text"] for word in ("New error", "Test message"))


async def test_a_stop_does_not_wait_for_a_slow_receiver_and_the_message_goes_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.01)
    stop = asyncio.Event()
    with receiving() as receiver:
        receiver.answer = receiver.hang

        async def is_received() -> bool:
            return bool(receiver.received)

        async with notifying(database, stopped=stop) as (conn, notifications):
            await add_rule(conn, url=receiver.url)
            await outbox.store_news(conn, [error()])
            sending = asyncio.ensure_future(notifications.send())
            await eventually_async(is_received)
            stop.set()
            await sending
            assert await states(conn) == [("pending", None)]
            receiver.released.set()
            stop.clear()
            await conn.execute("UPDATE lapinq_notify_rules SET taken_until = lapinq_now()")
            await notifications.send()
            assert await states(conn) == [("sent", None)]
    first, second = receiver.received
    assert first.event_id == second.event_id


async def test_no_message_goes_to_a_private_address_that_is_not_allowed(database: str) -> None:
    with receiving() as receiver:
        async with notifying(database, allow="example.org") as (conn, notifications):
            await add_rule(conn, url=receiver.url)
            await outbox.store_news(conn, [error()])
            await notifications.send()
            [(state, failure)] = await states(conn)
            assert state == "pending"
            assert "the address of 127.0.0.1 is private" in (failure or "")
    assert receiver.received == []


async def test_a_mail_has_a_line_and_a_link_for_each_piece_of_news_and_goes_once_to_those_who_may_get_it(
    database: str,
) -> None:
    failure = "127.0.0.1 refuses otto@example.org (550); the others got it"
    async with (
        mail_server() as server,
        notifying(database, smtp_url=f"smtp://127.0.0.1:{server.port}?tls=no") as (conn, notifications),
    ):
        server.refused.add("otto@example.org")
        everybody = ["lisa@example.org", "otto@example.org", "ann@example.org"]
        await add_rule(conn, kind="mail", url=None, addresses=everybody)
        await outbox.store_news(conn, [error(number) for number in range(30)])
        await notifications.send()
        assert set(await states(conn)) == {("sent", failure)}
        [rule] = await rules.list_rules(conn)
        assert rule.failure == failure
        await conn.execute("UPDATE lapinq_notify_rules SET next_at = lapinq_now()")
        assert await notifications.send() == SEND_INTERVAL_SECONDS
    [(recipients, data)] = server.mails
    assert recipients == ["lisa@example.org", "ann@example.org"]
    mail = message_from_string(data.removesuffix("\r\n.\r\n"), policy=policy.default)
    assert mail["Subject"].startswith("lapinq: 30 notifications, the first: New error in mail")
    text = mail.get_content()
    assert text.count("https://q.example.org/lapinq/errors/") == 20
    assert "And 10 more." in text


@pytest.mark.parametrize("farewell", ["421 too busy", "what?", "221 " + "x" * 10_000])
async def test_a_mail_that_is_taken_is_delivered_whatever_the_farewell(farewell: str) -> None:
    async with mail_server() as server:
        server.farewell = farewell
        mailer = mailer_to(f"127.0.0.1:{server.port}")
        assert await mailer.send(["lisa@example.org"], "subject", "text") == Delivered(250)


NO_TLS = "127.0.0.1 offers no TLS; for mail in plain text, end LAPINQ_SMTP_URL with ?tls=no"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smtp://{host}?tls=no", "127.0.0.1 refuses nobody@example.org (550)"),
        ("smtp://{host}", NO_TLS),
        ("smtp://lisa:secret@{host}", "127.0.0.1 offers no TLS, and a password is not sent without it"),
        ("smtps://{host}", "no TLS connection to 127.0.0.1"),
        ("smtp://127.0.0.1:1", "no mail connection to 127.0.0.1: ConnectionRefusedError"),
    ],
)
async def test_a_mail_that_is_not_taken_has_a_reason_without_the_password(url: str, reason: str) -> None:
    async with mail_server() as server:
        server.refused.add("nobody@example.org")
        mailer = Mailer(read_smtp_url(url.format(host=f"127.0.0.1:{server.port}")), "lapinq@example.org")
        outcome = await mailer.send(["nobody@example.org"], "subject", "text")
        assert isinstance(outcome, Undelivered)
        assert outcome.failure == reason
        assert server.mails == []
