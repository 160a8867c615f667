"""Rows of statistics over time, as old as a test needs them."""

from lapinq_core.db.rows import all_rows, first_value
from tests.support.rows.factories import Conn

Sums = tuple[int, int, int, int, int]


async def put(conn: Conn, span: int, ago: int, queue: str = "", *, rows: int = 1, completed: int = 1) -> int:
    """Appends `rows` rows of the span that was `ago` seconds ago, each of which counts a run of a millisecond for each
    completion; returns when the span began, in seconds since 1970."""
    return await first_value(
        conn,
        "INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)"
        " SELECT %(span)s, date_bin(make_interval(secs => %(span)s),"
        "        lapinq_now() - make_interval(secs => %(ago)s), to_timestamp(0)),"
        "        %(queue)s, %(completed)s, %(completed)s, 1,"
        "        array_append(array_fill(0::bigint, ARRAY[8]), %(completed)s::bigint),"
        "        ARRAY[0, 0, %(completed)s]"
        "   FROM generate_series(1, %(rows)s)"
        " RETURNING extract(epoch FROM since)::bigint",
        {"span": span, "ago": ago, "queue": queue, "rows": rows, "completed": completed},
    )


async def sums(conn: Conn, queue: str = "", span: int = 10) -> Sums:
    """Of the rows of a queue and span: started, completed, failed, and how many runs and waits."""
    (counted,) = await all_rows(
        conn,
        "SELECT coalesce(sum(started), 0)::int, coalesce(sum(completed), 0)::int, coalesce(sum(failed), 0)::int,"
        " coalesce(sum((SELECT sum(n) FROM unnest(runs) AS n)), 0)::int,"
        " coalesce(sum((SELECT sum(n) FROM unnest(waits) AS n)), 0)::int"
        " FROM lapinq_rollups WHERE queue_name = %s AND span = %s",
        (queue, span),
    )
    return counted


async def rows(conn: Conn, queue: str = "", span: int = 10) -> int:
    """How many rows a queue has of a span."""
    counted = "SELECT count(*) FROM lapinq_rollups WHERE queue_name = %s AND span = %s"
    return await first_value(conn, counted, (queue, span))


async def put_levels(conn: Conn, queue: str, *ready: int) -> None:
    """Adds samples of the last minutes, the newest first: how many tasks of the queue were ready."""
    for minutes, count in enumerate(ready):
        await conn.execute(
            "INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)"
            " SELECT 60, date_bin('1 min', at, to_timestamp(0)), %(queue)s, at, %(ready)s, 1"
            " FROM date_bin('1 min', lapinq_now() - make_interval(mins => %(minutes)s), to_timestamp(0)) AS at",
            {"queue": queue, "ready": count, "minutes": minutes},
        )
