"""The dashboard of an empty installation, and the files that its pages load."""

import re

import httpx
import psycopg
import pytest

pytestmark = pytest.mark.http


def test_an_empty_installation_says_how_to_begin(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    assert db.execute("SELECT count(*) FROM lapinq_tasks").fetchone() == (0,)
    page = signed_in.get("/").text
    assert "No task yet" in page
    assert f"curl {str(signed_in.base_url).rstrip('/')}/api/v1/enqueue" in page
    schedules = signed_in.get("/schedules").text
    for words in (
        'href="schedules/new"',
        "/api/v1/schedules",
        '@tasks.cron("*/5 * * * *", tz="Europe/Madrid")',
    ):
        assert words in schedules
    assert "@tasks.cron(" not in signed_in.get("/schedules?state=ended").text
    assert "No webhooks. Enqueue a task with a webhook_url" in signed_in.get("/webhooks").text
    assert "No webhook matches." in signed_in.get("/webhooks?state=pending").text
    workers = signed_in.get("/workers").text
    assert "No workers" in workers
    assert "lapinq worker --concurrency 4" in workers


def test_the_files_of_the_page_are_there_and_may_be_kept(signed_in: httpx.Client) -> None:
    addresses = set(re.findall(r'(?:src|href)="(static/[^"]+)"', signed_in.get("/").text))
    names = {address.rpartition("/")[2] for address in addresses}
    assert names >= {"app.js", "dashboard.css", "mark.svg", "theme.js", "uPlot.min.css"}
    waiting, seen = list(addresses), set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        file = signed_in.get(f"/{address}")
        assert file.status_code == 200, address
        assert "immutable" in file.headers["cache-control"]
        assert file.headers["content-type"].split(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}
        # Scripts import scripts.
        folder = address.rpartition("/")[0]
        waiting += {f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', file.text)} - seen
    assert len(seen) > len(addresses) + 5
    of_another_release = signed_in.get("/static/0123456789ab/dashboard.css")
    assert of_another_release.status_code == 200
    assert of_another_release.headers["cache-control"] == "no-cache"
