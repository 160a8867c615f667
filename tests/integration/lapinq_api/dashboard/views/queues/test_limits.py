"""The page of named limits, and those of a queue on its page."""

import re

import httpx
import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http


def test_meters_show_what_is_used_and_when_a_closed_limit_opens(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection
) -> None:
    rate = {"limit": 90_000, "period_seconds": 60}
    assert signed_in.put("/api/v1/limits/gpu", json={"max_running": 2}).is_success
    assert signed_in.put("/api/v1/limits/openai", json={"rate": rate, "max_running": 500}).is_success

    async def fill(conn: Conn) -> None:
        await enqueue(conn, 4, queue_name="video", limits={"gpu": 1})
        await claim(conn, await add_worker(conn), 5, "video")

    on_connections(api_database, fill)

    def row(limit: str) -> str:
        [found] = re.findall(
            rf'<tr role="row" id="limit-{limit}">.*?</tr>', signed_in.get("/limits").text, re.DOTALL
        )
        return found

    gpu, openai = row("gpu"), row("openai")
    assert '<progress max="2" value="2" aria-label="Running tasks of gpu"></progress>' in gpu
    assert 'href="queue?name=video"' in gpu
    assert '<span class="status pending">full</span>' in gpu
    assert '<progress max="90000" value="90000' in openai
    assert "90\u202f000 in 1 min" in openai
    assert '<span class="status completed">open</span>' in openai
    db.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('openai', lapinq_now() + interval '30 seconds')"
    )
    openai = row("openai")
    assert re.search(r'closed</span> Opens <time datetime="[^"]+" data-as="age">', openai)
    assert 'data-to="api/v1/limits/openai/open"' in openai

    managed = "Managed in <code>module:app.tasks"
    assert managed not in row("gpu")
    db.execute("UPDATE lapinq_limits SET source = 'module:app.tasks' WHERE name = 'gpu'")
    assert managed in row("gpu")

    page = signed_in.get("/queue?name=video").text
    assert 'href="limits#limit-gpu"' in page
    assert "limit-openai" not in page
    assert 'id="limits"' not in signed_in.get("/queue?name=other").text
    assert 'href="limits"' in signed_in.get("/queues").text
