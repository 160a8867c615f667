"""The pages of one queue and of one task name."""

import json
import re
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.domain.figures import Figures, Window
from lapinq_core.domain.histogram import count_into
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.figures import task_rollups
from lapinq_core.tasks import queues, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue
from tests.support.rows.figures import put, put_levels

pytestmark = pytest.mark.http


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        worker = await add_worker(conn, name="box-1", queues=["mail"])
        await enqueue(conn, 3, queue_name="mail", task_name="send")
        await enqueue(conn, 1, queue_name="other/one", task_name="send")
        await complete(conn, await claim(conn, worker, 1, queue="mail"))
        await put(conn, 60, 120, "mail", completed=30)
        await put_levels(conn, "mail", 5, 70, 90)
        await put_levels(conn, "", 5, 70, 90)
        happened = {("mail", "send"): Figures(0, 30, 10, 2), ("other/one", "send"): Figures(0, 1)}
        count_into(happened["mail", "send"].runs, [2.0] * 40)
        await task_rollups.record(conn, happened)
        await conn.execute(
            "UPDATE lapinq_task_rollups SET since = date_bin(make_interval(secs => span),"
            " lapinq_now() - interval '2 minutes', to_timestamp(0))"
        )

    on_connections(api_database, fill)


def charts(html: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(found)) for found in re.findall(r'data-chart="([^"]*)"', html)]


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_queue_tells_what_happens_in_it(signed_in: httpx.Client) -> None:
    for window in Window:
        html = signed_in.get("/queue", params={"name": "mail", "window": window.value}).text
        outcomes, levels, times = charts(html)
        assert len(outcomes["times"]) == window.points
        assert [label for label, _, _ in levels["lines"]] == ["ready", "running"]
        assert list(times["sets"]) == ["wait", "run"]
        text = words(html)
        assert "rate this backlog ends at " in text
        assert "Ready 2" in text
        assert "send 40" in text  # done
        assert "25" in text  # percent of them failed
        assert "box-1" in text
        assert 'href="function?name=send"' in html
    nobodys = signed_in.get("/queue?name=nobody%27s").text
    assert "This queue has no tasks." in nobodys
    assert "No live worker serves it." in nobodys


def test_a_task_name_tells_where_it_runs_and_how_long_and_its_circuit_breaker(
    signed_in: httpx.Client,
) -> None:
    html = signed_in.get("/function?name=send").text
    outcomes, runs = charts(html)
    assert max(outcomes["lines"][0][2]) == 31
    assert max(value or 0 for value in runs["lines"][1][2]) == pytest.approx(2.0, rel=0.34)
    assert html.index('href="queue?name=mail"') < html.index('href="queue?name=other%2Fone"')
    assert "No live worker reports a decorated task of this name." in html
    assert "These tasks have no circuit breaker." in html
    signed_in.put("/api/v1/breakers/send", json={"failures_in_row": 7, "failure_share": 0.25})
    html = signed_in.get("/function?name=send").text
    assert "It opens after 7 failures in a row." in html
    assert "25 % of 20 or more attempts within 1 min failed" in words(html)
    assert 'data-dialog-to="api/v1/breakers/send"' in html
    assert 'data-method="DELETE" data-to="api/v1/breakers/send"' in html


def test_a_policy_and_a_circuit_breaker_name_the_module_that_declares_them(
    signed_in: httpx.Client, api_database: str
) -> None:
    signed_in.patch("/api/v1/queues/declared", json={"max_running": 5}).raise_for_status()
    signed_in.put("/api/v1/breakers/declared", json={"failures_in_row": 7}).raise_for_status()
    with psycopg.connect(api_database, autocommit=True) as db:
        db.execute("UPDATE lapinq_queues SET policy_source = 'module:app.tasks' WHERE name = 'declared'")
        db.execute(
            "UPDATE lapinq_circuit_breakers SET source = 'module:app.tasks' WHERE task_name = 'declared'"
        )
    for page in ("queue", "function"):
        html = signed_in.get(f"/{page}?name=declared").text
        assert "Managed in <code>module:app.tasks" in html
    signed_in.delete("/api/v1/breakers/declared")
    signed_in.patch("/api/v1/queues/declared", json={"max_running": None})


def test_an_open_breaker_says_why_in_the_language_of_its_reader(
    signed_in: httpx.Client, api_database: str
) -> None:
    signed_in.patch("/api/v1/queues/broken", json={"breaker": {"failures_in_row": 5}}).raise_for_status()
    with psycopg.connect(api_database, autocommit=True) as db:
        db.execute(
            "UPDATE lapinq_circuit_breakers SET state = 'open', failures = 5, opened_at = since, pause_seconds = 30,"
            " tries_at = lapinq_now() + interval '1 hour' WHERE queue_name = 'broken'"
        )
    assert "5 failures in a row." in signed_in.get("/queue?name=broken").text
    page = signed_in.get("/queue?name=broken", headers={"Accept-Language": "es"}).text
    assert "5 fallos seguidos." in page
    assert "failures" not in words(page)
    signed_in.patch("/api/v1/queues/broken", json={"breaker": None})


def test_a_queue_shows_its_policy_and_the_keys_it_blocks(signed_in: httpx.Client, api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        worker = await add_worker(conn)
        await enqueue(conn, 3, queue_name="devices", task_name="sync", key='a"</script>')
        change = {
            "max_running": 4,
            "order": StartOrder.STRICT_PER_KEY,
            "rate": Rate(60, 120, 5),
        }
        fair = {"order": StartOrder.FAIR, "weights": {"gold": 3, "g=d": 0.5}}
        await queues.set_policy(conn, "devices", fair, by=SOMEBODY)
        await queues.set_policy(conn, "devices", change, by=SOMEBODY)
        [held] = await claim(conn, worker, 9, queue="devices")
        await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(600.0, "no", None))])

    on_connections(api_database, fill)
    html = signed_in.get("/queue?name=devices").text
    text = unescape(words(html))
    assert "Running 0 / 4" in text
    assert "Starts · at most 60 per 2 min, burst 5 4 left" in text
    assert "Order strict per key Weights gold 3, g=d 0.5" in text
    assert re.search(r'a"</script> \S.* 2 0 sync , which is tried again at \S.* no sync Start next', text)
    assert "1 of 1" in text
    [values] = re.findall(r'data-dialog-values="([^"]*)"', html)
    assert json.loads(unescape(values)) == {
        "max_running": 4,
        "max_running_per_key": None,
        "order": "strict_per_key",
        "weights": "gold = 3\ng=d = 0.5",
        "rate.limit": 60,
        "rate.period_seconds": 120,
        "rate.burst": 5,
        **dict.fromkeys(("rate_per_key.limit", "rate_per_key.period_seconds", "rate_per_key.burst")),
        **dict.fromkeys(f"breaker.{field}" for field in BreakerRule.__struct_fields__),
    }
    [body] = re.findall(r'data-to="api/v1/queues/devices/skip"[^>]* data-body="([^"]*)"', html)
    assert json.loads(unescape(body)) == {"key": 'a"</script>'}
    assert "Blocked keys" not in signed_in.get("/queue?name=mail").text
