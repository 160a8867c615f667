"""Long lists come in pages: the older ones are a link away, and nothing is left out or shown twice."""

import re
from collections.abc import Callable
from html import unescape

import httpx
import pytest

from tests.support.database.running import on_connections
from tests.support.http.delivering import completed
from tests.support.rows.factories import Conn
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http

COUNT = 52
FIRST_PAGE = 50
Fill = Callable[[str, str], object]


def audit_entries(database: str, name: str) -> None:
    async def fill(conn: Conn) -> None:
        await conn.execute(
            "INSERT INTO lapinq_audit (at, actor_kind, actor, action, target)"
            " SELECT lapinq_now(), 'user', 'lisa', 'queue.pause', %s FROM generate_series(1, %s)",
            (name, COUNT),
        )

    on_connections(database, fill)


def schedules(database: str, name: str) -> None:
    async def fill(conn: Conn) -> None:
        for number in range(COUNT):
            await add_schedule(conn, f"{name} {number:02}", queue_name=name)

    on_connections(database, fill)


def ticks(database: str, name: str) -> None:
    async def fill(conn: Conn) -> None:
        await add_schedule(conn, name)
        await conn.execute(
            "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
            " SELECT id, lapinq_now() - n * interval '1 hour', lapinq_now(), 'skipped'"
            "   FROM lapinq_schedules, generate_series(1, %s) AS n WHERE name = %s",
            (COUNT, name),
        )

    on_connections(database, fill)


def webhooks(database: str, name: str) -> None:
    completed(database, "https://hooks.example/", count=COUNT, queue_name=name)


@pytest.mark.parametrize(
    ("address", "row", "fill"),
    [
        ("/admin/audit?target={}", "entry", audit_entries),
        ("/schedules?queue={}", "schedule", schedules),
        ("/schedules/{}", "tick", ticks),
        ("/webhooks?queue={}", "webhook", webhooks),
    ],
)
def test_the_older_ones_are_a_page_away(
    signed_in: httpx.Client, api_database: str, queue: str, address: str, row: str, fill: Fill
) -> None:
    fill(api_database, queue)
    address = address.format(queue)
    first = signed_in.get(address).text
    [(older, is_next)] = links_to_pages(first)
    second = signed_in.get(f"{address.partition('?')[0]}{older}").text
    [(newest, is_back)] = links_to_pages(second)
    assert ("cursor=" in older, "cursor=" in newest) == (True, False)
    assert (is_next, is_back) == (' rel="next"', "")
    seen = [re.findall(rf'<tr role="row" id="{row}-([^"]+)"', page) for page in (first, second)]
    assert [len(ids) for ids in seen] == [FIRST_PAGE, COUNT - FIRST_PAGE]
    assert len({*seen[0], *seen[1]}) == COUNT


def links_to_pages(page: str) -> list[tuple[str, str]]:
    """Where they lead, and whether to the next page."""
    [pager] = re.findall(r'<nav class="pager".*?</nav>', page, re.DOTALL)
    return [(unescape(to), rel) for to, rel in re.findall(r'href="([^"]*)"( rel="next")?>', pager)]
