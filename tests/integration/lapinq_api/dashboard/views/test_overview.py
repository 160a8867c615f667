"""The overview: figures over time, and how far each queue is behind."""

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.domain.figures import Window
from lapinq_core.domain.ids import new_id
from lapinq_core.figures import alerts
from lapinq_core.figures.alerts import (
    Alerts,
    DeadWorker,
    MissingPartition,
    OldSnapshot,
    OpenBreaker,
    PausedQueue,
    UnservedQueue,
)
from lapinq_core.figures.levels import GrowingQueue
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, enqueue, pause
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
    outcomes, times = charts(html)
    assert len(outcomes["times"]) == len(times["times"]) == window.points
    for lines in (outcomes["lines"], times["sets"]["wait"], times["sets"]["run"]):
        assert all(len(values) == window.points for _, _, values in lines)
    assert f'<a href="?window={window.value}" aria-current="true">' in html


def test_what_happened_is_in_the_charts(signed_in: httpx.Client) -> None:
    outcomes, times = charts(signed_in.get("/?window=15m").text)
    assert {label: max(values) for label, _, values in outcomes["lines"]} == {
        "completed": 180,  # 30 in 10 s
        "retried": 0,
        "failed": 6,
    }
    for lines in times["sets"].values():
        assert [label for label, _, _ in lines] == ["p50", "p95"]
        assert any(value is not None for value in lines[0][2])


def test_tiles_tell_the_window_and_lead_on(signed_in: httpx.Client) -> None:
    html = signed_in.get("/").text
    found = re.findall(r'<div class="tile ">\s*<dt><a href="([^"]*)">(.*?)</div>', html, re.DOTALL)
    words = [" ".join(re.sub(r"<[^>]*>", " ", text).split()) for _, text in found]
    assert [to for to, _ in found] == [
        "tasks?state=ready",
        "tasks?status=running",
        "tasks?status=completed",
        "errors",
        "queues?order=pending",
    ]
    assert words[0].startswith("Ready 1 oldest")
    assert words[1].startswith("Running 0 of 0")
    assert words[3].startswith("Failure rate 3.2")
    assert "no earlier figures" in words[3]


@pytest.mark.parametrize("window", ["", "1", "1h ", "999d", "%00"])
def test_a_window_that_is_none_is_refused_by_name_or_left_out(signed_in: httpx.Client, window: str) -> None:
    answer = signed_in.get(f"/?window={window}")
    assert answer.status_code == (400 if window else 200)
    assert window == "" or "window must be one of 15m, 1h, 24h, 7d" in answer.text


def test_a_window_is_chosen_by_a_link_that_keeps_the_order(signed_in: httpx.Client) -> None:
    page = signed_in.get("/?sort=-ready").text
    assert re.findall(r'<a href="[^"]*\?sort=-ready&amp;window=(\w+)"( aria-current="true")?>', page) == [
        (one.value, ' aria-current="true"' if one == Window.HOUR else "") for one in Window
    ]
    assert re.search(r'window=7d" aria-current="true">', signed_in.get("/?window=7d").text)


def queues(html: str) -> list[str]:
    return re.findall(r'<tr role="row" id="queue-([^"]*)">', html)


def test_queues_stand_by_name_or_as_asked(signed_in: httpx.Client, api_database: str) -> None:
    async def add(conn: Conn) -> None:
        await enqueue(conn, 3, queue_name="audio")
        await pause(conn, "zero")

    on_connections(api_database, add)
    html = signed_in.get("/").text
    assert queues(html) == ["audio", "mail", "zero"]
    assert html.count(">paused</span>") == 1
    assert queues(signed_in.get("/?sort=-ready").text) == ["audio", "mail", "zero"]
    html = signed_in.get("/?sort=-done").text
    assert queues(html) == ["mail", "audio", "zero"]
    assert html.count('aria-sort="descending"') == 1
    answer = signed_in.get("/?sort=size")
    assert answer.status_code == 400
    assert "sort must be one of name, ready" in answer.text


def test_a_queue_says_since_when_its_first_in_line_waits(signed_in: httpx.Client) -> None:
    row = re.search(r'<tr role="row" id="queue-mail">.*?</tr>', signed_in.get("/").text, re.DOTALL)
    assert row
    assert 'data-as="running"' in row[0]


def test_the_same_state_is_the_same_page(signed_in: httpx.Client) -> None:
    def part(name: str) -> str:
        found = re.search(
            rf'<div id="{name}" data-part[^>]*>(.*?)</section>', signed_in.get("/?window=7d").text, re.DOTALL
        )
        assert found
        return found[1]

    for name in ("overview-charts", "overview-queues"):
        # Between the first two, a new point of a chart may begin.
        assert any(part(name) == part(name) for _ in range(2))


def test_work_that_nobody_does_and_what_slows_everything_is_told(
    signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = signed_in.get("/").text
    assert "1 task waits in queue mail, which no live worker serves." in html

    now = datetime.now(UTC)

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
            paused=[PausedQueue("mail", 2, datetime.now(UTC), "ada", "the receiver is down")],
            breakers=[
                OpenBreaker("post", "open", now, now, 5, None, 60.0, 7),
                OpenBreaker("maps", "half_open", now, now, 12, 20, 60.0, 1),
                OpenBreaker("", "open", now, now, 5, None, 60.0, 7, "resize"),
            ],
            growing=[GrowingQueue("video", 900, 600, 120.0)],
            dead_workers=[DeadWorker(new_id(), "box-7", datetime.now(UTC))],
            missing_partition=MissingPartition("2026-11-23", 700_000_000),
        )

    monkeypatch.setattr(alerts, "current", everything)
    assert "All well" not in html
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
        "by ada: the receiver is down. 2 tasks wait.",
        'data-to="api/v1/queues/mail/resume"',
        "The circuit breaker of queue post opened",
        "5 attempts failed in a row. It tries one task",
        "12 of 20 attempts failed within 1 min. It is trying one task. 1 task waits.",
        "The circuit breaker of the task resize opened",
        'href="function?name=resize"',
        "Queue video is growing: 900 ready tasks, 600 were ready 2 min earlier",
        'href="queue?name=video"',
        "Worker box-7 died",
    ):
        assert words in html
    assert "queue &lt;/li&gt;," in html


def test_where_nothing_is_wrong_one_line_says_so(signed_in: httpx.Client, api_database: str) -> None:
    async def mend(conn: Conn) -> None:
        await add_worker(conn)
        await conn.execute("DELETE FROM lapinq_queues")

    on_connections(api_database, mend)
    html = signed_in.get("/").text
    assert "All well" in html
    assert "Needs attention" in html  # the heading, for screen readers
