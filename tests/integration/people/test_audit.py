"""The audit log: what an entry says, and the filters of its list."""

from datetime import timedelta
from typing import Any

import msgspec
from psycopg import sql as psql

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.people import audit
from lapinq_core.people.audit import Author, Recorded, RecordedActor
from lapinq_core.people.audit_filters import AuditFilter, conditions
from tests.support.database.plans import touched
from tests.support.rows.factories import SOMEBODY, Conn

SHELL = Author(actor_kind=ActorKind.COMMAND_LINE, actor="root")


async def listed(conn: Conn, limit: int = 50, **chosen: object) -> list[Recorded]:
    return (await audit.list_entries(conn, AuditFilter(**chosen), limit))[0]  # pyright: ignore[reportArgumentType]


async def test_an_entry_tells_who_did_what_on_what_from_where_and_when(conn: Conn) -> None:
    full = await audit.record(conn, SOMEBODY.did("task.cancel", "t-1", {"queue": "ü", "n": [1, None]}))
    bare = await audit.record(conn, SHELL.did("queue.pause"))
    second, first = await listed(conn)
    assert (first.id, second.id) == (full, bare)
    assert first.at <= second.at
    assert first.at.utcoffset() == timedelta(0)
    assert first == Recorded(
        full,
        first.at,
        RecordedActor(ActorKind.USER, 7, "lisa"),
        "task.cancel",
        "t-1",
        {"queue": "ü", "n": [1, None]},
        "203.0.113.9",
        "r-1",
    )
    nobody = RecordedActor(ActorKind.COMMAND_LINE, None, "root")
    assert second == Recorded(bare, second.at, nobody, "queue.pause", None, None, None, None)


async def test_filters_are_exact_and_can_be_combined(conn: Conn) -> None:
    for author in (SOMEBODY, SHELL):
        for action in ("task.cancel", "task.cancel_request"):
            for target in ("a", "b"):
                await audit.record(conn, author.did(action, target))
    await conn.execute(
        "UPDATE lapinq_audit SET at = at - interval '1 day'"
        " WHERE id IN (SELECT id FROM lapinq_audit ORDER BY id LIMIT 4)"
    )
    everything = await listed(conn)
    assert [entry.id for entry in everything] == sorted((entry.id for entry in everything), reverse=True)
    counts: list[tuple[dict[str, Any], int]] = [
        ({}, 8),
        ({"actor": "lisa"}, 4),
        ({"actor": "Lisa"}, 0),
        ({"action": "task.cancel"}, 4),
        ({"action": "task.%"}, 0),
        ({"target": "a"}, 4),
        ({"actor": "root", "action": "task.cancel_request", "target": "b"}, 1),
    ]
    for chosen, count in counts:
        assert len(await listed(conn, **chosen)) == count, chosen
    at = everything[4].at
    assert await listed(conn, since=at + timedelta(hours=1)) == everything[:4]
    assert await listed(conn, until=at + timedelta(hours=1)) == everything[4:]
    assert everything[4] in await listed(conn, since=at)
    assert everything[4] not in await listed(conn, until=at)


async def test_pages_follow_one_another_without_gap_or_repetition(conn: Conn) -> None:
    ids = [await audit.record(conn, SHELL.did("x")) for _ in range(7)]
    pages: list[list[int]] = []
    before: int | None = None
    while not pages or before is not None:
        page, before = await audit.list_entries(conn, AuditFilter(before=before, action="x"), 3)
        pages.append([entry.id for entry in page])
        await audit.record(conn, SHELL.did("x"))  # what comes meanwhile disturbs nothing
    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]


async def test_a_page_is_read_from_an_index_however_long_the_log(conn: Conn) -> None:
    await conn.execute(
        "INSERT INTO lapinq_audit (at, actor_kind, actor, action, target)"
        " SELECT lapinq_now() - (20000 - n) * interval '1 minute', 'user', 'user ' || n % 50, 'action ' || n % 20,"
        " 'target ' || n / 10 FROM generate_series(1, 20000) n"
    )
    await conn.execute("ANALYZE lapinq_audit")
    newest = (await listed(conn, limit=1))[0].at
    for chosen in (
        AuditFilter(),
        AuditFilter(before=15_000),
        AuditFilter(actor="user 7"),
        AuditFilter(action="action 3", before=10_000),
        AuditFilter(target="target 17"),
        AuditFilter(actor="nobody"),
        AuditFilter(actor="user 7", action="action 7"),
        AuditFilter(since=newest - timedelta(hours=10)),
        AuditFilter(until=newest - timedelta(minutes=19_900)),
        AuditFilter(since=newest - timedelta(days=10), until=newest - timedelta(days=10, minutes=-60)),
    ):
        query = psql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(
            psql.SQL(sql("lapinq_core.people", "list_audit")).format(conditions=conditions(chosen))
        )
        params = {**msgspec.structs.asdict(chosen), "limit": 51}
        row = await one_row(conn, query, params)
        assert touched(row[0][0]["Plan"]) <= 3000, (chosen, row[0][0]["Plan"])
