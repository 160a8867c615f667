"""The overview: figures over time, and how far each queue is behind."""

import json
import re
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.domain.figures import Window
from lapinq_core.figures import alerts
from lapinq_core.figures.alerts import Alerts, MissingPartition, OldSnapshot, UnservedQueue
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, enqueue
from tests.support.rows.figures import put

pytestmark = pytest.mark.http


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        await enqueue(conn, queue_name="mail")
        for queue in ("", "mail"):
            await put(conn, 10, 60, queue, completed=30)
            await put(conn, 60, 120, queue, completed=30)

    on_connections(api_database, fill)


def charts(html: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(found)) for found in re.findall(r'data-chart="([^"]*)"', html)]


@pytest.mark.parametrize("window", Window)
def test_charts_have_a_point_for_each_piece_of_the_window(signed_in: httpx.Client, window: Window) -> None:
    html = signed_in.get("/", params={"window": window.value}).text
    found = charts(html)
    assert len(found) == 4
    for chart in found:
        assert len(chart["times"]) == window.points
        assert all(len(values) == window.points for _, _, values in chart["lines"])
    assert f'<a href="?window={window.value}" aria-current="true">' in html


def test_what_was_completed_is_in_the_charts(signed_in: httpx.Client) -> None:
    throughput, by_queue, run, wait = charts(signed_in.get("/?window=15m").text)
    completed = {label: values for label, _, values in throughput["lines"]}["completed"]
    assert max(completed) == 180  # 30 in 10 s
    assert [label for label, _, _ in by_queue["lines"]] == ["mail"]
    for chart in (run, wait):
        assert chart["unit"] == "seconds"
        assert any(value is not None for value in chart["lines"][0][2])


@pytest.mark.parametrize("window", ["", "1", "1h ", "999d", "%00"])
def test_a_window_that_is_none_is_refused_by_name_or_left_out(signed_in: httpx.Client, window: str) -> None:
    answer = signed_in.get(f"/?window={window}")
    assert answer.status_code == (400 if window else 200)
    assert window == "" or "window must be one of 15m, 1h, 24h, 7d" in answer.text


def test_a_queue_says_since_when_its_first_in_line_waits(signed_in: httpx.Client) -> None:
    row = re.search(r'<tr role="row" id="queue-mail">.*?</tr>', signed_in.get("/").text, re.DOTALL)
    assert row
    assert 'data-as="age"' in row[0]


def test_the_same_state_is_the_same_page(signed_in: httpx.Client) -> None:
    def part(name: str) -> str:
        found = re.search(
            rf'<div id="{name}" data-part>(.*?)</section>', signed_in.get("/?window=7d").text, re.DOTALL
        )
        assert found
        return found[1]

    for name in ("overview-totals", "overview-queues"):
        assert part(name) == part(name)


def test_work_that_nobody_does_and_what_slows_everything_is_told(
    signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = signed_in.get("/").text
    assert "1 task waits in queue mail, which no live worker serves." in html

    async def everything(_conn: psycopg.AsyncConnection) -> Alerts:
        return Alerts(
            unserved=[UnservedQueue("</li>", 2, 3.0, True)],
            has_worker=False,
            schedules_late=45.0,
            webhooks_given_up=1,
            webhooks_overdue=2,
            overdue_seconds=90.0,
            old_snapshots=[
                OldSnapshot("session", "psql", 17, 1234.0, None),
                OldSnapshot("prepared transaction", "gone", None, 4000.0, None),
                OldSnapshot("replication slot", "standby", None, None, 20_000_000),
            ],
            default_passwords=[],
            missing_partition=MissingPartition("2026-11-23", 700_000_000),
        )

    monkeypatch.setattr(alerts, "current", everything)
    html = signed_in.get("/").text
    for words in (
        "all its workers are quiet",
        "1 webhook was given up",
        "2 webhooks are overdue",
        "A schedule is 45 s late",
        "psql (database process 17)",
        "has held a snapshot for 20 min",
        "The prepared transaction gone",
        "The replication slot standby",
        "The week of 2026-11-23 has no partition",
        "(700 MB)",
    ):
        assert words in html
    assert "queue &lt;/li&gt;," in html
