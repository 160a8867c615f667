"""`/metrics`, `/livez` and `/readyz`: what they say, who may ask, and what they say while the database is away."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import psycopg
import pytest

from lapinq_api.app import announce_stop, build_app
from lapinq_api.metrics.gauges import CACHE_SECONDS
from lapinq_api.overload.database_gate import THRESHOLD
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.proxy import Proxy, proxy
from tests.support.database.running import on_connections
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.http.serving import serving

Serve = Callable[..., httpx.Client]
TASK = {"task_name": "send", "module_path": "app.mail"}
QUEUE = "mail of the metrics"


@pytest.fixture
def between(api_database: str) -> Iterator[Proxy]:
    """A proxy before the database."""
    with proxy(api_database) as made:
        yield made


def scrape(client: httpx.Client) -> Scraped:
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    return Scraped(response.text)


def requests(seen: Scraped, method: str, route: str, status: int) -> float | None:
    name = "lapinq_http_request_seconds_count"
    return seen.value(name, method=method, route=route, status=str(status))


def test_tasks_are_counted_by_queue_and_status(api: httpx.Client, api_database: str) -> None:
    on_connections(api_database, partial(one_of_each, queue="each of the metrics"))
    text = api.get("/metrics").text
    assert "# HELP lapinq_tasks Task counts by queue and status\n# TYPE lapinq_tasks gauge\n" in text
    assert 'lapinq_tasks{queue="each of the metrics",status="pending"} 1.0\n' in text
    seen = Scraped(text)
    for status in Status:
        assert seen.value("lapinq_tasks", queue="each of the metrics", status=status.value) == 1
    assert (seen.value("lapinq_oldest_ready_age_seconds", queue="each of the metrics") or -1) >= 0
    assert (seen.value("lapinq_database_pool_connections", part="api", state="idle") or 0) >= 1
    assert seen.value("lapinq_database_pool_waiting", part="api") == 0
    for name, value in (
        ("lapinq_database_up", 1),
        ("lapinq_database_breaker_open", 0),
        ("lapinq_delayed_overdue_seconds", 0),
        ("lapinq_webhooks_overdue_seconds", 0),
    ):
        assert seen.value(name) == value, name
    eventually(lambda: scrape(api).value("lapinq_listener_connected", part="api") == 1)


def test_openmetrics_is_given_to_whoever_asks_for_it(api: httpx.Client) -> None:
    response = api.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert response.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert response.text.endswith("# EOF\n")
    plain = api.get("/metrics", headers={"Accept": "application/openmetrics-text;version=x"})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["cache-control"] == "no-store"


def test_they_are_open_to_all_without_a_limit(serve: Serve) -> None:
    client = serve(api_key="k", rate_limit=1, require_auth=True)
    for _ in range(3):
        for path in ("/metrics", "/livez", "/readyz", "/health"):
            assert client.get(path).status_code == 200, path
    assert client.head("/metrics").status_code == 200
    assert client.post("/metrics").status_code == 405
    assert client.get("/metrics?name=a").status_code == 400


def test_requests_are_timed_by_the_template_of_their_route_in_each_application(serve: Serve) -> None:
    client, other = serve(), serve()
    for _ in range(2):
        assert client.get("/api/v1/tasks/00000000-0000-0000-0000-000000000000").status_code == 404
    for path in ("/nothing/here", "/nowhere"):
        assert client.get(path).status_code == 404
    for method in ("PROPFIND", "BAKE"):
        assert client.request(method, "/nowhere").status_code in {400, 404, 405}
    assert client.request("PROPFIND", "/api/v1/queues").status_code == 405
    assert client.post("/api/v1/enqueue", content=b"{").status_code == 400
    seen = scrape(client)
    assert requests(seen, "GET", "/api/v1/tasks/{id}", 404) == 2
    assert requests(seen, "GET", "other", 404) == 2
    assert requests(seen, "other", "/api/v1/queues", 405) == 1
    assert requests(seen, "POST", "/api/v1/enqueue", 400) == 1
    assert seen.labels("lapinq_http_request_seconds_count", "method") == {"GET", "POST", "other"}
    assert requests(scrape(client), "GET", "/metrics", 200) == 1
    assert requests(scrape(other), "POST", "/api/v1/enqueue", 400) is None


def test_tasks_taken_in_are_counted_by_queue_and_way(api: httpx.Client) -> None:
    task = {**TASK, "queue_name": QUEUE}
    assert api.post("/api/v1/enqueue", json=task).status_code == 201
    assert api.post("/api/v1/enqueue", json={**task, "ttl_seconds": 0}).status_code == 201
    assert api.post("/api/v1/enqueue/batch", json=[task] * 5).status_code == 201
    assert api.post("/api/v1/enqueue/batch", json=[]).status_code == 201
    assert api.post("/api/v1/enqueue", json={**task, "priority": "high"}).status_code == 400
    for _ in range(3):  # stored once
        stored = api.post("/api/v1/enqueue", json=task, headers={"Idempotency-Key": "metrics-1"})
        assert stored.status_code == 201
    seen = scrape(api)
    for way, count in (("single", 2), ("transient", 1), ("batch", 5)):
        assert seen.value("lapinq_tasks_enqueued_total", queue=QUEUE, way=way) == count
    eventually(lambda: (scrape(api).value("lapinq_notifications_total", part="api") or 0) >= 1)


def test_with_the_database_away_they_say_what_the_process_knows(between: Proxy) -> None:
    app = build_app(Settings(database_url=between.url))
    with serving(app) as client:
        assert client.post("/api/v1/enqueue", json={**TASK, "queue_name": "away"}).status_code == 201
        assert scrape(client).value("lapinq_tasks", queue="away", status="pending") == 1
        assert client.get("/readyz").json() == {"status": "ready"}
        between.cut()

        def is_seen() -> bool:
            began = time.monotonic()
            seen = scrape(client)
            assert time.monotonic() - began < 2.5
            return seen.value("lapinq_database_up") == 0

        eventually(is_seen)
        seen = scrape(client)
        assert not {"lapinq_tasks", "lapinq_oldest_ready_age_seconds"} & set(seen.families)
        assert seen.value("lapinq_tasks_enqueued_total", queue="away", way="single") == 1
        assert requests(seen, "POST", "/api/v1/enqueue", 201) == 1
        response = client.get("/readyz")
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        reason = "the database is unavailable or did not answer in time"
        assert response.json() == {"status": "unready", "reason": reason}
        assert client.get("/livez").json() == {"status": "ok"}
        between.heal()
        eventually(lambda: client.get("/readyz").status_code == 200)
        eventually(lambda: scrape(client).value("lapinq_database_up") == 1)
        announce_stop(app)
        response = client.get("/readyz")
        assert (response.status_code, response.json()["reason"]) == (503, "the server is stopping")
        assert client.get("/livez").status_code == 200


def test_a_dead_network_holds_no_scrape_longer_than_the_budget(between: Proxy) -> None:
    with serving(build_app(Settings(database_url=between.url))) as client:
        assert client.get("/health").status_code == 200
        between.swallow()
        with ThreadPoolExecutor(4) as threads:
            began = time.monotonic()
            seen = [one.result() for one in [threads.submit(scrape, client) for _ in range(4)]]
            assert time.monotonic() - began < 3
        assert {each.value("lapinq_database_up") for each in seen} == {0}
        assert client.get("/livez").status_code == 200


async def test_an_application_whose_lifespan_does_not_run_answers_too(api_database: str) -> None:
    transport = httpx.ASGITransport(build_app(Settings(database_url=api_database)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert Scraped((await client.get("/metrics")).text).value("lapinq_database_up") == 0
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


def test_slow_sums_are_not_taken_for_a_database_that_is_away(
    serve: Serve, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lapinq_api.metrics.gauges.CACHE_SECONDS", 0.0)
    client = serve()
    with psycopg.connect(api_database) as conn:
        conn.execute("LOCK TABLE lapinq_counts IN ACCESS EXCLUSIVE MODE")
        scrapes = [scrape(client) for _ in range(THRESHOLD)]
        assert {seen.value("lapinq_database_up") for seen in scrapes} == {0}
        assert scrapes[-1].value("lapinq_database_breaker_open") == 0
        assert client.get("/health").status_code == 200
    eventually(lambda: scrape(client).value("lapinq_database_up") == 1)


def test_while_what_may_start_is_slow_to_count_it_alone_is_unknown(serve: Serve, api_database: str) -> None:
    client = serve()
    assert client.patch("/api/v1/queues/limited", json={"max_running": 1}).status_code == 200
    for queue in ("limited", "free"):
        assert client.post("/api/v1/enqueue", json={**TASK, "queue_name": queue}).status_code == 201
    with psycopg.connect(api_database) as conn:
        conn.execute("LOCK TABLE lapinq_lanes IN ACCESS EXCLUSIVE MODE")
        seen = scrape(client)
        assert seen.value("lapinq_database_up") == 1
        assert seen.value("lapinq_tasks", queue="limited", status="pending") == 1
        unknown = seen.value("lapinq_startable_tasks", queue="limited")
        assert unknown is not None
        assert math.isnan(unknown)
        assert seen.labels("lapinq_startable_tasks", "queue") == {"limited"}
        assert seen.value("lapinq_database_breaker_open") == 0
    eventually(lambda: scrape(client).value("lapinq_startable_tasks", queue="limited") == 1)


def test_many_scrapes_at_once_are_one_question(serve: Serve, api_database: str) -> None:
    client = serve()
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE '%%lapinq:measure%%' AND state = 'active'"
    )
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads, psycopg.connect(api_database, autocommit=True) as conn:
        scrapes = [threads.submit(scrape, client) for _ in range(16)]
        most = 0
        while not all(each.done() for each in scrapes):
            row = conn.execute(asked + " AND pid <> pg_backend_pid()").fetchone()
            most = max(most, row[0] if row else 0)
        ups = {each.result().value("lapinq_database_up") for each in scrapes}
    assert ups == {1}
    assert most <= 1
    assert time.monotonic() - began < 10 * CACHE_SECONDS
