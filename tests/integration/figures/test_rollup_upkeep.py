"""The upkeep of figures over time: folding changes no sum, whoever folds and reads meanwhile; old rows go."""

import asyncio

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.figures import SPANS, Figures, Window
from lapinq_core.figures import rollups
from tests.support.rows.factories import Conn, Connections
from tests.support.rows.figures import put, rows, sums
from tests.support.tries import tries


async def recent(conn: Conn, count: int) -> None:
    """Some rows of two queues and all of them together, of spans that are over and of such that are not."""
    for queue in ("", "a", "b"):
        for ago in (5, 30, 150, 200, 250):
            await put(conn, 10, ago, queue, rows=count, completed=3)
        for ago in (30, 300, 600):
            await put(conn, 60, ago, queue, rows=count, completed=5)
        for ago in (0, 2000):
            await put(conn, 900, ago, queue, rows=count, completed=7)


async def shown(conn: Conn) -> list[dict[int, object]]:
    """What all charts show, by time, without the points that may go or come meanwhile."""
    found: list[dict[int, object]] = []
    for window in (Window.QUARTER, Window.HOUR, Window.DAY):
        for queues in (None, {"a"}):
            s = await rollups.series(conn, window, queues)
            columns = (s.completed, s.failed, s.retried, s.run_p50, s.run_p95, s.wait_p95)
            found.append(dict(zip(s.times[1:-1], list(zip(*columns, strict=True))[1:-1], strict=True)))
    return found


async def test_a_fold_changes_nothing_of_what_is_shown(conn: Conn) -> None:
    await recent(conn, 6)
    before, had = await shown(conn), [await sums(conn, queue) for queue in ("", "a", "b")]
    assert await rollups.fold(conn) == 6 * (3 + 2 + 1) * 3
    after = await shown(conn)
    for old, new in zip(before, after, strict=True):
        same = old.keys() & new.keys()
        assert len(same) > 50
        assert {time: old[time] for time in same} == {time: new[time] for time in same}
    assert [await sums(conn, queue) for queue in ("", "a", "b")] == had
    assert await rows(conn, "a", 10) == 3 + 2 * 6
    assert await rows(conn, "a", 60) == 2 + 6
    assert await rows(conn, "a", 900) == 1 + 6
    assert await rollups.fold(conn) == 0


async def test_histograms_of_any_length_are_folded(conn: Conn) -> None:
    for ago in (150, 150, 150):
        await put(conn, 10, ago, completed=2)
    await conn.execute(
        "INSERT INTO lapinq_rollups (span, since, queue_name, runs, waits)"
        " SELECT span, since, queue_name, '{}', '{1,2,3,4}' FROM lapinq_rollups LIMIT 1"
    )
    assert await rollups.fold(conn) == 4
    row = await maybe_row(conn, "SELECT completed, runs, waits FROM lapinq_rollups")
    assert row == (6, [0] * 8 + [6], [1, 2, 9, 4])
    await put(conn, 10, 150, "none", rows=2)
    await conn.execute("UPDATE lapinq_rollups SET runs = '{}', waits = '{}' WHERE queue_name = 'none'")
    assert await rollups.fold(conn) == 2
    row = await maybe_row(conn, "SELECT completed, runs, waits FROM lapinq_rollups WHERE queue_name = 'none'")
    assert row == (2, [], [])


async def test_a_fold_is_bounded_and_comes_to_an_end(conn: Conn) -> None:
    for number in range(5):
        await put(conn, 10, 150, f"queue {number}", rows=10)
    taken = [await rollups.fold(conn, 12) for _ in range(30)]
    assert max(taken) == 12
    assert taken[-1] == 0
    for number in range(5):
        assert await rows(conn, f"queue {number}") == 1
        assert (await sums(conn, f"queue {number}"))[:3] == (10, 10, 10)


async def test_what_one_fold_holds_another_leaves(connections: Connections) -> None:
    conn, other = await connections(2)
    await put(conn, 10, 150, rows=100)
    async with conn.transaction():
        assert await rollups.fold(conn, 60) == 60
        assert await rollups.fold(other) == 40
        assert (await sums(other))[1] == 100
    assert (await sums(other))[1] == 100
    assert await rollups.fold(other) == 2
    assert await sums(conn) == (100, 100, 100, 100, 100)
    assert await rows(conn) == 1


async def test_what_is_recorded_while_others_fold_is_kept(connections: Connections) -> None:
    folder, *workers = await connections(4)
    # Counted long ago as soon as it is written: in the reach of every fold.
    await folder.execute(
        "CREATE FUNCTION make_older() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN IF new.since > lapinq_now() - interval '100 s' THEN"
        " new.since := new.since - interval '150 s'; END IF; RETURN new; END$$"
    )
    await folder.execute(
        "CREATE TRIGGER make_older BEFORE INSERT ON lapinq_rollups FOR EACH ROW EXECUTE FUNCTION make_older()"
    )

    async def work(conn: Conn) -> None:
        for _ in range(times):
            await rollups.record(conn, {"a": Figures(1, 1, 1)})
            await rollups.fold(conn)

    times = tries(60)
    await asyncio.gather(*map(work, workers))
    await rollups.fold(folder)
    for span in SPANS:
        for queue in ("", "a"):
            assert (await sums(folder, queue, span))[:3] == (3 * times,) * 3


async def test_what_was_kept_long_enough_is_forgotten(conn: Conn) -> None:
    for span, kept in SPANS.items():
        for queue in ("", "a"):
            await put(conn, span, kept - span - 60, queue)
            await put(conn, span, kept + span + 60, queue, rows=3)
    assert await rollups.prune(conn, 2) == 2 * len(SPANS)
    assert await rollups.prune(conn) == 4 * len(SPANS)
    assert await rollups.prune(conn) == 0
    for span in SPANS:
        assert [await rows(conn, queue, span) for queue in ("", "a")] == [1, 1]


async def test_two_that_prune_at_once_take_each_their_own(connections: Connections) -> None:
    conn, other = await connections(2)
    await put(conn, 10, 4 * 3600, rows=10)
    async with conn.transaction():
        assert await rollups.prune(conn, 6) == 6
        assert await rollups.prune(other) == 4
    assert await rows(conn) == 0
