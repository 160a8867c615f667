"""Each look for due tasks starts where the last one ended, and finds what lies before that now and then."""

from datetime import UTC, datetime, timedelta

import pytest

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import all_rows
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep import maintenance_jobs, promotion
from lapinq_core.upkeep.promotion import Promotion
from tests.support.rows.factories import Conn, enqueue

FUTURE = datetime.now(UTC) + timedelta(hours=1)


async def make_due(conn: Conn, task: str, seconds_ago: float) -> None:
    await conn.execute(
        "UPDATE lapinq_delayed SET due_at = lapinq_now() - make_interval(secs => %s) WHERE id = %s",
        [seconds_ago, task],
    )


async def ready(conn: Conn) -> set[str]:
    return {row[0] for row in await all_rows(conn, "SELECT id::text FROM lapinq_ready")}


async def test_a_look_starts_at_the_last_task_moved_and_after_a_short_one_a_moment_ago(conn: Conn) -> None:
    ids = await enqueue(conn, 5, scheduled_at=FUTURE)
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '2 minutes'")
    full = await maintenance_jobs.promote(conn, 2)
    await make_due(conn, ids[2], 180.0)
    assert await ready(conn) == set(ids[:2])
    assert full.mark.id == ids[1]

    rest = await maintenance_jobs.promote(conn, 3, mark=full.mark)
    assert (rest.moved, await ready(conn)) == (2, {*ids[:2], *ids[3:]})
    assert timedelta(0) < datetime.now(UTC) - rest.mark.due_at < timedelta(seconds=30)
    assert (await maintenance_jobs.promote(conn, mark=rest.mark)).moved == 0
    assert (await maintenance_jobs.promote(conn)).moved == 1


async def test_a_look_from_the_bottom_rests_and_those_from_the_mark_go_on(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "REST_FACTOR", 1e9)  # the first look counts as a slow one
    on_time, late, early = await enqueue(conn, 3, scheduled_at=FUTURE)
    async with make_pool(database, "test", 1, timeout=5, min_size=1) as pool:
        resting, fresh = (Promotion(Notifier(pool), DueTimer()) for _ in range(2))
        await make_due(conn, early, 60.0)
        await resting.turn(conn)
        await make_due(conn, on_time, 0.0)
        await make_due(conn, late, 60.0)
        await resting.turn(conn)
        assert await ready(conn) == {early, on_time}

        await fresh.turn(conn)
        assert await ready(conn) == {early, on_time, late}
