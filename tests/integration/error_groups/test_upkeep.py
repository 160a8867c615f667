"""Upkeep bounds the error groups and folds their counts while workers write."""

import asyncio

from lapinq_core.domain.error_groups import COUNT_SPANS
from lapinq_core.error_groups import groups, trends, upkeep
from lapinq_core.error_groups.groups import GroupFilter
from lapinq_core.error_groups.recording import record
from tests.support.rows.factories import Conn, Connections
from tests.support.rows.failures import failures
from tests.support.tries import tries


async def rows(conn: Conn) -> list[tuple[int, int]]:
    """How many rows there are of each span, and their sum."""
    cursor = await conn.execute(
        "SELECT count(*)::int, sum(failed + retried)::int FROM lapinq_error_counts GROUP BY span ORDER BY span"
    )
    return await cursor.fetchall()


async def test_a_fold_changes_no_sum_while_others_write(connections: Connections) -> None:
    conns = await connections(4)
    await record(conns[0], [failures()])

    async def write(conn: Conn) -> None:
        for _ in range(times):
            await record(conn, [failures(retried=1)])

    times = tries(160)

    await asyncio.gather(write(conns[0]), write(conns[1]), *(upkeep.turn(conn) for conn in conns[2:]))
    while await upkeep.fold(conns[0]):
        pass
    assert [count for _, count in await rows(conns[0])] == [4 * times + 1] * 2
    assert all(many < 32 for many, _ in await rows(conns[0]))


async def test_spans_that_are_over_become_one_row_a_group(conn: Conn) -> None:
    for error in ("A: x", "A: x", "B: x"):
        await record(conn, [failures(error)])
    await conn.execute(
        "UPDATE lapinq_error_counts SET since = lapinq_now() - make_interval(secs => span + 120)"
    )
    assert await upkeep.fold(conn) == 2 * 2
    assert await rows(conn) == [(2, 3), (2, 3)]
    assert await upkeep.fold(conn) == 0


async def test_folding_and_deleting_groups_never_wait_for_each_other(connections: Connections) -> None:
    # One locks counts and then their groups, the other groups and then their counts.
    conn, other = await connections(2)
    await conn.execute("SET lock_timeout = '100ms'")
    await record(conn, [failures("A: x")])
    for _ in range(2):
        await record(conn, [failures("B: x")])
    await conn.execute(
        "UPDATE lapinq_error_counts SET since = lapinq_now() - make_interval(secs => span + 120)"
    )
    await conn.execute(
        "UPDATE lapinq_error_groups SET last_at = last_at - interval '91 days' WHERE kind = 'B: x'"
    )
    async with other.transaction(force_rollback=True):
        assert await upkeep.fold(other) == 4
        assert await upkeep.prune_groups(conn) == 0
    async with other.transaction(force_rollback=True):
        assert await upkeep.prune_groups(other) == 1
        assert await upkeep.fold(conn) == 0
    assert await upkeep.fold(conn) == 4
    assert await upkeep.prune_groups(conn) == 1


async def test_old_counts_and_groups_go(conn: Conn) -> None:
    for error in ("A: x", "B: x", "C: x"):
        await record(conn, [failures(error)])
    assert await upkeep.prune_groups(conn) == 0
    await conn.execute(
        "UPDATE lapinq_error_groups SET last_at = last_at - interval '91 days' WHERE kind = 'B: x'"
    )
    assert await upkeep.prune_groups(conn) == 1
    assert await rows(conn) == [(2, 2), (2, 2)]
    for span, kept in COUNT_SPANS.items():
        await conn.execute(
            "UPDATE lapinq_error_counts SET since = since - make_interval(secs => %s) WHERE span = %s",
            (kept, span),
        )
    assert await upkeep.prune_counts(conn, 1) == 2
    assert await upkeep.prune_counts(conn) == 2


async def test_beyond_a_limit_resolved_groups_go_first_then_those_that_failed_earliest(conn: Conn) -> None:
    for ago, error in enumerate(("A: x", "B: x", "C: x", "D: x")):
        await record(conn, [failures(error, ago=ago)])
    await conn.execute("UPDATE lapinq_error_groups SET state = 'resolved' WHERE kind = 'A: x'")
    assert await upkeep.prune_groups(conn, most=2) == 2
    left, _ = await groups.list_groups(conn, GroupFilter())
    assert [group.kind for group in left] == ["C: x", "B: x"]
    assert await trends.top(conn, 60) != []
