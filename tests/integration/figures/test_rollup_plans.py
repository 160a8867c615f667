"""What figures over time touch in a table that is full: the rows of the window that is asked for, by their index."""

from collections.abc import Iterator
from typing import Any

import pytest

from lapinq_core.domain.figures import SPANS, Window
from tests.support.database import postgres
from tests.support.database.plans import nodes, plan, scanned_whole, touched
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn

QUEUES = 20


async def fill(conn: Conn) -> None:
    """A week of `QUEUES` busy queues and all of them together, folded."""
    for span, kept in SPANS.items():
        await conn.execute(
            "INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)"
            " SELECT %(span)s, date_bin(make_interval(secs => %(span)s), lapinq_now(), to_timestamp(0))"
            " - make_interval(secs => n * %(span)s), CASE WHEN q > 0 THEN 'queue ' || q ELSE '' END, 9, 9, 9,"
            " array_fill(1::bigint, ARRAY[30]), array_fill(1::bigint, ARRAY[40])"
            " FROM generate_series(0, %(many)s) AS n, generate_series(0, %(queues)s) AS q ORDER BY n DESC, q",
            {"span": span, "many": min(kept, 7 * 86_400) // span, "queues": QUEUES},
        )
    await conn.execute("ANALYZE lapinq_rollups")


@pytest.fixture(scope="module")
def filled(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a database after `fill`."""
    with postgres.private_database(postgres_url, template_database) as url:
        on_connections(url, fill)
        yield url


@pytest.fixture
def database(filled: str) -> str:
    """What `conn` is connected to."""
    return filled


def spans_read(window: Window) -> int:
    """Of the window and the one before, and rows of 10 s in place of the span that is not over yet."""
    return 2 * window.seconds // window.span + (0 if window.span == 10 else window.span // 10)


@pytest.mark.parametrize("plan_mode", ["force_custom_plan", "force_generic_plan"])
async def test_charts_touch_the_rows_of_their_window_and_queue(
    database: str, conn: Conn, plan_mode: str
) -> None:
    await conn.execute(f"SET plan_cache_mode = {plan_mode}".encode())
    for window in Window:
        shape = {"span": window.span, "width": window.width, "points": 2 * window.points}
        asked: list[tuple[str, dict[str, Any], int]] = [
            ("series", {**shape, "queues": [""]}, spans_read(window)),
            ("series", {**shape, "queues": ["queue 7"]}, spans_read(window)),
            ("series", {**shape, "queues": ["queue 7", "queue 8"]}, 2 * spans_read(window)),
            ("sparklines", {"queues": ["queue 7", ""], "points": 30, "width": 120}, 2 * 60),
        ]
        for verb, params, most in asked:
            found = await plan(conn, verb, params)
            assert scanned_whole(found) == [], (verb, window)
            assert {node["Index Name"] for node in nodes(found) if "Index Name" in node} == {
                "lapinq_rollups_queue"
            }
            assert touched(found) <= most + 2, (verb, window)


async def test_upkeep_touches_what_is_new_or_too_old(database: str, conn: Conn) -> None:
    spans = {"spans": list(SPANS), "kept": list(SPANS.values()), "limit": 500}
    for verb, most in (("fold_rollups", 12 * len(SPANS) + 40), ("prune_rollups", 40)):
        found = await plan(conn, verb, spans)
        assert scanned_whole(found) == [], verb
        assert touched(found) <= most * (QUEUES + 1), verb
