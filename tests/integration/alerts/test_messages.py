"""Messages: one for all that a rule has to tell, at most one a minute, tried again when it is not accepted."""

import asyncio

from lapinq_core.alerts import messages, outbox, rules
from lapinq_core.alerts.messages import DueMessage
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.alerts.news import NewError, Trial
from lapinq_core.domain.alerts.rule import Channel, Rule
from lapinq_core.domain.webhooks.webhook import Undelivered
from tests.support.rows.alerts import add_rule
from tests.support.rows.factories import SOMEBODY, Conn, Connections

NO_URL = Rule(name="mine", kind="mail", addresses=["lisa@example.org"], events=["error.new"])


def news(group: int) -> NewError:
    return NewError(queue_name="mail", task_name="send", group_id=group, kind="k", error="e")


async def tell(conn: Conn, *groups: int) -> None:
    await outbox.store_news(conn, [news(group) for group in groups])


async def take(conn: Conn) -> DueMessage:
    due = await messages.take(conn, lease=30)
    assert due is not None
    return due


async def states(conn: Conn) -> list[tuple[str, int, str | None]]:
    return await all_rows(conn, "SELECT state, tries, failure FROM lapinq_notices ORDER BY id")


async def left_out(conn: Conn) -> int:
    return await first_value(conn, "SELECT left_out FROM lapinq_notify_rules")


async def pass_time(conn: Conn, seconds: float) -> None:
    await conn.execute(
        "UPDATE lapinq_notify_rules SET next_at = next_at - %(s)s * interval '1 second',"
        " taken_until = taken_until - %(s)s * interval '1 second'",
        {"s": seconds},
    )


async def test_all_that_waits_goes_in_one_message_and_what_comes_meanwhile_in_the_next(conn: Conn) -> None:
    await add_rule(conn)
    assert await messages.take(conn, lease=30) is None
    await tell(conn, 1, 2)
    due = await take(conn)
    assert (due.rule, due.channel, due.tries, due.left_out) == ("everything", Channel.WEBHOOK, 0, 0)
    await tell(conn, 3)
    assert await messages.take(conn, lease=30) is None, "somebody sends it"
    assert await messages.sent(conn, due, 200)
    assert await states(conn) == [("sent", 1, None), ("sent", 1, None), ("pending", 0, None)]
    assert await messages.take(conn, lease=30) is None, "a minute has not passed"
    await pass_time(conn, 60)
    assert len((await take(conn)).notices) == 1


async def test_a_message_goes_to_one_of_two_at_once(connections: Connections) -> None:
    one, other = await connections(2)
    for name in ("a", "b", "c"):
        await add_rule(one, name=name)
    await tell(one, 1)
    taken = await asyncio.gather(*(messages.take(conn, lease=30) for conn in (one, other) for _ in range(2)))
    assert sorted(due.rule for due in taken if due is not None) == ["a", "b", "c"]


async def test_what_is_not_accepted_is_tried_again_for_a_day(conn: Conn) -> None:
    await add_rule(conn)
    await tell(conn, 1)
    assert await messages.failed(conn, await take(conn), Undelivered("it answered 500", 500), 5) == (1, 0)
    assert await states(conn) == [("pending", 1, "it answered 500")]
    assert await messages.take(conn, lease=30) is None
    await pass_time(conn, 5)
    await conn.execute("UPDATE lapinq_notices SET created_at = created_at - interval '25 hours'")
    await tell(conn, 2)
    due = await take(conn)
    assert (due.tries, len(due.notices)) == (1, 2)
    assert await messages.failed(conn, due, Undelivered("it answered 500", 500), 30) == (1, 1)
    await pass_time(conn, 30)
    final = Undelivered("it answered 410", 410, is_final=True)
    assert await messages.failed(conn, await take(conn), final, 120) == (0, 1)


async def test_a_notice_that_was_committed_meanwhile_under_a_lower_number_goes_next(
    connections: Connections,
) -> None:
    conn, slow = await connections(2)
    await add_rule(conn)
    async with slow.transaction():
        await tell(slow, 1)
        await tell(conn, 2)
        due = await take(conn)
    assert [notice.details for notice in due.notices] == [news(2)]
    assert await messages.sent(conn, due, 200)
    await pass_time(conn, 60)
    late = await take(conn)
    assert [notice.details for notice in late.notices] == [news(1)]
    final = Undelivered("it answered 410", 410, is_final=True)
    assert await messages.failed(conn, late, final, 5) == (0, 1)


async def test_a_late_record_changes_nothing(conn: Conn) -> None:
    await add_rule(conn)
    await tell(conn, 1)
    late = await take(conn)
    await pass_time(conn, 31)
    again = await take(conn)
    assert not await messages.sent(conn, late, 200)
    assert await messages.failed(conn, late, Undelivered("no"), 5) == (0, 0)
    assert await messages.sent(conn, again, 200)


async def test_what_the_full_outbox_left_out_is_told_once(conn: Conn) -> None:
    await add_rule(conn)
    await tell(conn, 1)
    await conn.execute("UPDATE lapinq_notify_rules SET left_out = 14")
    due = await take(conn)
    assert due.left_out == 14
    await conn.execute("UPDATE lapinq_notify_rules SET left_out = 15")
    await messages.sent(conn, due, 200)
    assert await left_out(conn) == 1
    await pass_time(conn, 60)
    await tell(conn, 2)
    final = Undelivered("it answered 410", 410, is_final=True)
    await messages.failed(conn, await take(conn), final, 5)
    assert await left_out(conn) == 0


async def test_a_rule_that_sends_elsewhere_or_is_disabled_drops_what_waits(conn: Conn) -> None:
    rule_id = await add_rule(conn)
    await tell(conn, 1)
    await conn.execute("UPDATE lapinq_notify_rules SET left_out = 14")
    due = await take(conn)
    changed = await rules.change_rule(conn, rule_id, NO_URL, version=1, by=SOMEBODY)
    assert changed is not None
    assert (changed.rule, changed.version, changed.pending) == (NO_URL, 2, 0)
    assert await left_out(conn) == 0
    assert not await messages.sent(conn, due, 200)
    assert await rules.change_rule(conn, rule_id, NO_URL, version=1, by=SOMEBODY) is None
    assert await rules.send_trial(conn, rule_id, by=SOMEBODY)
    [notice] = (await take(conn)).notices
    assert notice.details == Trial(sent_by="lisa")
    assert await rules.delete_rule(conn, rule_id, by=SOMEBODY)
    assert await states(conn) == []
    assert not await rules.send_trial(conn, rule_id, by=SOMEBODY)
    assert await all_rows(conn, "SELECT action, details->>'name' FROM lapinq_audit ORDER BY id") == [
        ("notify.change", "mine"),
        ("notify.test", "mine"),
        ("notify.delete", "mine"),
    ]


async def test_notices_go_a_week_after_their_end(database: str, conn: Conn) -> None:
    await add_rule(conn)
    await tell(conn, 1, 2)
    await messages.sent(conn, await take(conn), 200)
    await tell(conn, 3)
    await conn.execute("UPDATE lapinq_notices SET tried_at = tried_at - interval '8 days' WHERE id = 1")
    assert await messages.prune(conn) == 1
    assert [line.id for line in await messages.latest(conn, 5)] == [3, 2]
