"""Takes the pictures of the documentation: `python -m tests.browser.pictures FOLDER`.

A real server with a worker on its own database runs the tasks of a small shop (`tests.support.sample.shop`). The
history that charts show is made up.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import psycopg
from playwright.sync_api import Browser, sync_playwright

from tests.bench.run.server import own_server
from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser
from tests.support.programs.processes import ApiProcess

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}
HISTORY = """
INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)
SELECT span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second', name,
       amount, amount - amount / 40, amount / 40,
       array_fill(0::bigint, ARRAY[20])
           || ARRAY[amount / 8, amount / 4, amount / 3, amount / 6, amount / 12, amount / 50],
       array_fill(0::bigint, ARRAY[10])
           || ARRAY[amount / 6, amount / 3, amount / 3, amount / 9, amount / 40, amount / 90]
  FROM (VALUES (10, 360), (60, 1440), (900, 700)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(1, points) AS n
 CROSS JOIN (VALUES ('', 10), ('mail', 5), ('pictures', 3), ('video', 1), ('reports', 1)) AS queues (name, share)
 CROSS JOIN LATERAL (SELECT (span * share * (1.3 + sin(n * span / 4000.0) + 0.25 * random()) / 4)::bigint) AS a (amount)
"""

PAST_RUNS = """
INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id)
SELECT s.id, t.fire_at, t.fire_at + interval '7 milliseconds' * t.n,
       CASE n WHEN 4 THEN 'missed' WHEN 9 THEN 'skipped' ELSE 'enqueued' END,
       CASE WHEN n NOT IN (4, 9) THEN t.task_id END
  FROM lapinq_schedules AS s
 CROSS JOIN LATERAL (
       SELECT n, date_trunc('day', now()) - (n - 1) * interval '1 day' + interval '2 hours' AS fire_at,
              (SELECT task_id FROM lapinq_attempts
                WHERE final AND outcome = CASE WHEN n IN (7, 13) THEN 'failed' ELSE 'completed' END
                ORDER BY task_id OFFSET n LIMIT 1) AS task_id
         FROM generate_series(1, 20) AS n) AS t
 WHERE s.name IN ('nightly-report', 'prune-pictures')
"""
"""Nights in which other tasks stand for the runs."""
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"name": "nightly-report", "task_name": "nightly_report", "queue_name": "reports", "cron": "0 3 * * *"},
    {"name": "prune-pictures", "task_name": "thumbnail", "queue_name": "pictures", "cron": "0 3 * * *"},
    {"name": "refresh-banner", "task_name": "thumbnail", "queue_name": "pictures", "every": "2s"},
    {
        "name": "remind-of-carts",
        "task_name": "send_receipt",
        "queue_name": "mail",
        "cron": "*/15 8-20 * * 1-5",
    },
    {"name": "weekly-video", "task_name": "transcode", "queue_name": "video", "cron": "30 6 * * 1"},
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Writes a picture of every page in every look."""
    program = browser.find()
    if program is None:
        raise click.ClickException(browser.HOW_TO_GET_ONE)
    folder.mkdir(parents=True, exist_ok=True)
    with own_server(None) as url, postgres.private_database(url) as database:
        arguments = ("--worker", "--worker-concurrency", "8", "--scheduler", "--log-level", "warning")
        with ApiProcess(database, *arguments) as server, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=program, args=list(browser.FLAGS))
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                token = people.log_in(client)
                pages = dict(_fill(client, database))
            for look, options in LOOKS.items():
                _take(chromium, server.url, token, pages, folder, look, options)


def _take(
    chromium: Browser,
    url: str,
    token: str,
    pages: dict[str, str],
    folder: Path,
    look: str,
    options: dict[str, Any],
) -> None:
    window = chromium.new_context(base_url=url, locale="en-GB", **options)
    page = window.new_page()
    page.goto("/login")
    page.screenshot(path=folder / f"login-{look}.png")
    window.add_cookies([{"name": "lapinq_session", "value": token, "url": url}])
    for name, address in pages.items():
        page.goto(address)
        page.wait_for_function(
            "() => !document.querySelector('[data-part]')"
            " || document.querySelector('#live-state').dataset.state === 'live'"
        )
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}-{look}.png")
    window.close()


def _fill(client: httpx.Client, database: str) -> Iterator[tuple[str, str]]:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(HISTORY)
    _add_schedules(client)
    for _ in range(6):
        tasks = [*_orders(40)]
        assert client.post("/api/v1/enqueue/batch", json=tasks).status_code == 201
        time.sleep(2)
    failed = _shop("nightly_report", "reports", "2026-11-23", max_retries=2, retry_delay=0.2)
    failing = client.post("/api/v1/enqueue", json=failed).json()["task_id"]
    client.post("/api/v1/enqueue", json=_shop("transcode", "video", "keynote", 400.0))
    running = client.post("/api/v1/enqueue", json=_shop("transcode", "video", "interview", 240.0)).json()[
        "task_id"
    ]
    client.post("/api/v1/queues/reports/pause", json={"reason": "the warehouse is being moved"})
    waiting = client.post("/api/v1/enqueue", json=_shop("nightly_report", "reports", "2026-11-24")).json()[
        "task_id"
    ]
    people.add_user(client, mail=["requeue", "cancel"], video=["pause"])
    client.post("/api/v1/keys", json={"name": "shop backend", "scopes": ["enqueue", "read"]})
    client.post(
        "/api/v1/enqueue",
        json={**_shop("thumbnail", "pictures", "b.png"), "webhook_url": "http://127.0.0.1:9/"},
    )
    client.post("/api/v1/enqueue/batch", json=[*_orders(60)])
    time.sleep(6)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(PAST_RUNS)
    yield "overview", "/?window=1h"
    yield "tasks", "/tasks"
    yield "search", "/tasks?queue=mail&status=failed"
    yield "task-running", f"/tasks/{running}"
    yield "task-waiting", f"/tasks/{waiting}"
    yield "task-failed", f"/tasks/{failing}"
    yield "errors", "/errors"
    yield "queues", "/queues"
    yield "schedules", "/schedules"
    yield "schedule", "/schedules/nightly-report"
    yield "schedule-form", "/schedules/nightly-report/edit"
    yield "workers", "/workers"
    yield "webhooks", "/webhooks"
    yield "users", "/admin/users"
    yield "audit", "/admin/audit"
    yield "account", "/account"


def _add_schedules(client: httpx.Client) -> None:
    for one in SCHEDULES:
        body = {
            "module_path": "tests.support.sample.shop",
            "timezone": "Europe/Madrid",
            "args": ["yesterday" if one["queue_name"] == "reports" else "banner.png"],
            "overlap": "skip",
            **one,
        }
        assert client.post("/api/v1/schedules", json=body).status_code == 201
    client.post("/api/v1/schedules/weekly-video/pause", json={"reason": "the studio is closed in November"})


def _orders(count: int) -> Iterator[dict[str, Any]]:
    for order in (random.randrange(1000, 9999) for _ in range(count)):
        yield _shop("send_receipt", "mail", order, f"customer{order}@example.com", max_retries=0)
        if order % 3 == 0:
            yield _shop("thumbnail", "pictures", f"order-{order}.png", width=400)


def _shop(task: str, queue: str, *args: object, **fields: Any) -> dict[str, Any]:
    kwargs = {name: fields.pop(name) for name in ("width",) if name in fields}
    return {
        "module_path": "tests.support.sample.shop",
        "task_name": task,
        "queue_name": queue,
        "args": args,
        "kwargs": kwargs,
        **fields,
    }


if __name__ == "__main__":
    main()
