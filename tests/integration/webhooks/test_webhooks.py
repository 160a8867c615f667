"""The outbox: who takes what, what is noted of it, and what is forgotten."""

import asyncio
from typing import Any

from lapinq_core.db.rows import maybe_row, one_row
from lapinq_core.domain.webhooks.webhook import Undelivered, WebhookState
from lapinq_core.webhooks import deliveries
from lapinq_core.webhooks.deliveries import DueWebhook
from tests.support.database.plans import blocks, nodes, plan, scanned_whole, touched
from tests.support.rows.factories import SOMEBODY, Conn, Connections


async def fill(conn: Conn, hosts: int, each: int, **columns: Any) -> None:
    """`each` webhooks to each of some hosts, due since as many seconds as their attempt has for a number."""
    values: dict[str, Any] = {"state": "pending", "tried_days_ago": 0, **columns}
    await conn.execute(
        "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, retry_since,"
        " due_at, state, tried_at)"
        " SELECT gen_random_uuid(), 'q', 'add', 'http://host-' || lpad(host::text, 4, '0') || '/', 'completed', number,"
        " lapinq_now(), lapinq_now(), lapinq_now() - number * interval '1 second', %(state)s,"
        " lapinq_now() - %(tried_days_ago)s * interval '1 day'"
        " FROM generate_series(1, %(hosts)s) AS host, generate_series(1, %(each)s) AS number",
        {"hosts": hosts, "each": each, **values},
    )


async def take(conn: Conn, limit: int = 20, **values: Any) -> list[DueWebhook]:
    defaults: dict[str, Any] = {"lease": 30.0, "places": {}, "places_each": 4}
    return (await deliveries.take(conn, limit, **{**defaults, **values}))[0]


async def state(conn: Conn, due: DueWebhook) -> tuple[Any, ...] | None:
    return await maybe_row(
        conn, "SELECT state, tries, failure FROM lapinq_webhooks WHERE seq = %s", (due.seq,)
    )


def hosts(taken: list[DueWebhook]) -> list[str]:
    return sorted(due.host for due in taken)


async def test_what_is_taken_is_nobody_elses_for_the_lease(conn: Conn) -> None:
    await fill(conn, 1, 2)
    first = await take(conn)
    assert [due.tries for due in first] == [1, 1]
    assert await take(conn) == []
    await conn.execute("UPDATE lapinq_webhooks SET due_at = due_at - interval '30 seconds'")
    assert [due.tries for due in await take(conn)] == [2, 2]


async def test_two_at_once_share_what_is_due(connections: Connections) -> None:
    one, other = await connections(2)
    await fill(one, 10, 4)
    taken = await asyncio.gather(*(take(conn, 10) for conn in (one, other) for _ in range(2)))
    seqs = [due.seq for some in taken for due in some]
    assert len(seqs) == len(set(seqs))


async def test_hosts_take_turns_and_get_their_places_only_and_the_longest_due_goes_first(conn: Conn) -> None:
    await fill(conn, 3, 10)
    taken = await take(conn, 6)
    assert hosts(taken) == ["host-0001", "host-0001", "host-0002", "host-0002", "host-0003", "host-0003"]
    assert sorted(due.event.attempt for due in taken) == [9, 9, 9, 10, 10, 10]
    taken = await take(conn, 100, places={"host-0001": 0, "host-0002": 1, "other": 3})
    assert hosts(taken) == ["host-0002"] + ["host-0003"] * 4


async def test_a_pass_looks_at_so_many_hosts_and_tells_where_to_go_on(conn: Conn) -> None:
    await fill(conn, 450, 1)
    after, passes = deliveries.FIRST_HOST, list[int]()
    while True:
        taken, after = await deliveries.take(conn, 1000, lease=30, places={}, places_each=4, after=after)
        passes.append(len(taken))
        if after == deliveries.FIRST_HOST:
            break
    assert passes == [200, 200, 50]


async def test_a_late_word_changes_nothing(conn: Conn) -> None:
    await fill(conn, 1, 1)
    (old,) = await take(conn)
    await conn.execute("UPDATE lapinq_webhooks SET due_at = lapinq_now()")
    (new,) = await take(conn)
    assert not await deliveries.delivered(conn, old, 200)
    assert await deliveries.failed(conn, old, Undelivered("no"), 5.0) is None
    assert await state(conn, new) == ("pending", 2, None)
    assert await deliveries.delivered(conn, new, 200)
    assert not await deliveries.delivered(conn, new, 200)


async def test_what_is_sent_again_while_it_is_on_its_way_is_sent_again(conn: Conn) -> None:
    await fill(conn, 1, 1)
    (old,) = await take(conn)
    assert await deliveries.resend(conn, old.event.event_id, by=SOMEBODY) is not None
    assert not await deliveries.delivered(conn, old, 200)
    (new,) = await take(conn)
    assert (new.event.event_id, new.tries) == (old.event.event_id, 1)


async def test_it_is_given_up_when_the_next_try_would_come_after_a_day_or_it_is_refused_for_good(
    conn: Conn,
) -> None:
    await fill(conn, 1, 3)
    early, late, refused = await take(conn)
    await conn.execute(
        "UPDATE lapinq_webhooks SET retry_since = lapinq_now() - interval '23 hours 30 minutes' WHERE seq = %s",
        (late.seq,),
    )
    gone = Undelivered("gone", 410, is_final=True)
    assert await deliveries.failed(conn, early, Undelivered("no"), 3600.0) is WebhookState.PENDING
    assert await deliveries.failed(conn, late, Undelivered("no"), 3600.0) is WebhookState.GIVEN_UP
    assert await deliveries.failed(conn, refused, gone, 5.0) is WebhookState.GIVEN_UP
    assert await take(conn) == []


async def test_what_ended_long_ago_is_forgotten_in_small_batches(conn: Conn) -> None:
    for which, days, count in (
        ("delivered", 8, 30),
        ("delivered", 6, 1),
        ("given_up", 31, 3),
        ("given_up", 29, 1),
        ("pending", 90, 1),
    ):
        await fill(conn, 1, count, state=which, tried_days_ago=days)
    assert [await deliveries.prune(conn, 20) for _ in range(3)] == [23, 10, 0]
    cursor = await conn.execute("SELECT state FROM lapinq_webhooks ORDER BY seq")
    assert await cursor.fetchall() == [("delivered",), ("given_up",), ("pending",)]


async def test_looking_for_what_is_due_and_what_is_forgotten_touches_little(
    database: str, conn: Conn
) -> None:
    places = {"hosts": ["host-0002"], "places": [0], "places_each": 4}
    params = {"limit": 20, "lease": 30.0, "after": "", **places}
    await fill(conn, 20, 500, state="delivered")
    await conn.execute("ANALYZE lapinq_webhooks")
    assert touched(await plan(conn, "prune_webhooks", {"limit": 500})) == 0
    await fill(conn, 2, 1_000)
    await conn.execute("ANALYZE lapinq_webhooks")
    found = await plan(conn, "take_webhooks", params)
    assert scanned_whole(found) == []
    assert touched(found) < 50
    names = {node.get("Index Name") for node in nodes(found)}
    assert {"lapinq_webhooks_host", "lapinq_webhooks_due_at"} <= names

    await conn.execute("UPDATE lapinq_webhooks SET due_at = lapinq_now() + interval '1 hour'")
    await conn.execute("VACUUM ANALYZE lapinq_webhooks")
    assert touched(await plan(conn, "take_webhooks", params)) <= 1

    # The next tries of a receiver that is down, beside one that is due: before PostgreSQL 18 a comparison of rows
    # ends no scan where its second column does.
    await fill(conn, 1, 5_000)
    await conn.execute("UPDATE lapinq_webhooks SET due_at = due_at + interval '1 day' WHERE attempt > 1")
    await conn.execute("VACUUM ANALYZE lapinq_webhooks")
    found = await plan(conn, "take_webhooks", params)
    assert touched(found) < 10
    assert blocks(found) < 100


async def test_a_list_goes_by_the_index_of_its_filter(database: str, conn: Conn) -> None:
    await fill(conn, 20, 500, state="delivered")
    await fill(conn, 1, 1)
    await conn.execute("ANALYZE lapinq_webhooks")
    row = await one_row(conn, "SELECT task_id::text, id::text FROM lapinq_webhooks WHERE seq = 77")
    nothing = dict.fromkeys(("state", "queue", "queues", "task_id", "first", "last", "before"))
    by_id = {"first": row[1], "last": f"{row[1][:8]}-ffff-ffff-ffff-ffffffffffff", "limit": 2}
    for chosen in ({"state": "pending"}, {"task_id": row[0]}, {"queue": "other"}, {"before": 500}, by_id, {}):
        found = await plan(conn, "list_webhooks", {"limit": 10, **nothing, **chosen})
        assert scanned_whole(found) == [], chosen
        assert touched(found) <= 10, chosen
