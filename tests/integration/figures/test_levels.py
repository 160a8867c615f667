"""How many tasks were ready and running over time, sampled once in each span."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from lapinq_core.domain.figures import LEVEL_SPANS, Window
from lapinq_core.figures import levels
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.rows.figures import put_levels


async def sampled(conn: Conn, span: int = 60) -> dict[str, tuple[int | None, int]]:
    cursor = await conn.execute(
        "SELECT queue_name, ready, running FROM lapinq_levels WHERE span = %s", (span,)
    )
    return {queue: (ready, running) for queue, ready, running in await cursor.fetchall()}


async def make_older(conn: Conn, seconds: int) -> None:
    await conn.execute(
        "UPDATE lapinq_levels SET since = since - make_interval(secs => %(by)s),"
        " sampled_at = sampled_at - make_interval(secs => %(by)s)",
        {"by": seconds},
    )


async def test_a_sample_counts_what_is_ready_and_running(conn: Conn) -> None:
    await enqueue(conn, 3, queue_name="a")
    await enqueue(conn, 2, queue_name="a", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await enqueue(conn, 1, queue_name="b")
    await claim(conn, await add_worker(conn), 1, queue="a")
    assert 0 <= await levels.sample(conn) < 60
    for span in LEVEL_SPANS:
        assert await sampled(conn, span) == {"a": (2, 1), "b": (1, 0), "": (3, 1)}
    await enqueue(conn, 9, queue_name="a")
    await levels.sample(conn)
    assert (await sampled(conn, 7200))[""] == (3, 1), "the first sample of a span stays"


async def test_where_too_many_are_delayed_nobody_knows_what_is_ready(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "MAX_DELAYED", 2)
    monkeypatch.setattr(levels, "MAX_QUEUES", 1)
    await enqueue(conn, 3, queue_name="a", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await enqueue(conn, 1, queue_name="b")
    await levels.sample(conn)
    assert await sampled(conn) == {"a": (None, 0), "": (None, 0)}
    assert (await levels.looks(conn)).of("a") == []
    assert (await levels.series(conn, Window.HOUR)).running[-1] == 0


async def test_a_series_has_zeros_for_a_queue_without_tasks_and_nothing_where_nobody_sampled(
    conn: Conn,
) -> None:
    await put_levels(conn, "", 7, 5, 3)
    await put_levels(conn, "a", 7, 5)
    for queues, ready, running in (
        (None, [3, 5, 7], [1, 1, 1]),
        ({"a"}, [0, 5, 7], [0, 1, 1]),
        ({"a", "none"}, [0, 5, 7], [0, 1, 1]),
    ):
        found = await levels.series(conn, Window.HOUR, queues)
        # A minute may begin between the two.
        assert [each for each in found.ready if each is not None] == ready
        assert [each for each in found.running if each is not None] == running
        assert len(found.times) == len(found.ready) == 60
    for window in Window:
        assert len((await levels.series(conn, window)).times) == window.seconds // window.level_span


async def test_looks_are_those_of_the_last_minutes(conn: Conn) -> None:
    await put_levels(conn, "", 7, 5, 3)
    await put_levels(conn, "a", 7, 5)
    found = await levels.looks(conn)
    assert [ready for _, ready in found.of("a")] == [7, 5, 0]
    assert [ready for _, ready in found.of("nobody's")] == [0, 0, 0]
    assert [ready for _, ready in (await levels.looks(conn, {"a"})).of("a")] == [7, 5, 0]
    assert [ready for _, ready in (await levels.looks(conn, {"b"})).of("a")] == [0, 0, 0]
    assert [earlier.age - later.age for later, earlier in pairwise(found.of("a"))] == pytest.approx([60, 60])
    await make_older(conn, 600)
    assert (await levels.looks(conn)).of("a") == []


async def test_what_was_kept_long_enough_is_deleted(conn: Conn) -> None:
    await levels.sample(conn)
    await make_older(conn, 3 * 3600 + 120)
    assert await levels.prune(conn) == 1
    await make_older(conn, 30 * 86_400)
    assert await levels.prune(conn) == 2
    assert await levels.prune(conn) == 0
