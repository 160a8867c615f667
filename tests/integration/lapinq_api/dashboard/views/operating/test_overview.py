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
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.figures import alerts
from lapinq_core.figures.alerts import (
    Alerts,
    BlockedQueue,
    DeadWorker,
    MissingPartition,
    OldSnapshot,
    OpenBreaker,
    PausedQueue,
    UnservedQueue,
)
from lapinq_core.figures.levels import GrowingQueue
from lapinq_core.figures.stuck_workers import StuckWorker
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


def test_charts_have_a_point_for_each_piece_of_the_window(signed_in: httpx.Client) -> None:
    for window in Window:
        html = signed_in.get("/", params={"window": window.value, "sort": "-ready"}).text
        outcomes, times = charts(html)
        assert len(outcomes["times"]) == len(times["times"]) == window.points
        for lines in (outcomes["lines"], times["sets"]["wait"], times["sets"]["run"]):
            assert all(len(values) == window.points for _, _, values in lines)
        # The others are a link away, and keep the order.
        assert re.findall(r'<a href="[^"]*\?sort=-ready&amp;window=(\w+)"( aria-current="true")?>', html) == [
            (one.value, ' aria-current="true"' if one == window else "") for one in Window
        ]
    assert '<a href="?window=1h" aria-current="true">' in signed_in.get("/?window=").text
    assert "window must be one of 15m, 1h, 24h, 7d" in signed_in.get("/?window=1").text
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
    row = re.search(r'<tr role="row" id="queue-mail">.*?</tr>', html, re.DOTALL)
    assert row
    assert 'data-as="running"' in row[0]  # since when its first in line waits
    assert queues(signed_in.get("/?sort=-ready").text) == ["audio", "mail", "zero"]
    html = signed_in.get("/?sort=-done").text
    assert queues(html) == ["mail", "audio", "zero"]
    assert html.count('aria-sort="descending"') == 1
    answer = signed_in.get("/?sort=size")
    assert answer.status_code == 400
    assert "sort must be one of name, ready" in answer.text


def test_of_many_queues_the_first_are_told_in_full_and_idle_ones_are_folded(
    signed_in: httpx.Client, db: psycopg.Connection
) -> None:
    db.execute(
        "INSERT INTO lapinq_counts (queue_name, pending, completed)"
        " SELECT 'many ' || lpad(n::text, 2, '0'), CASE WHEN n <= 30 THEN n ELSE 0 END, 1 FROM generate_series(1, 60) n"
    )
    try:
        html = signed_in.get("/").text
        full, brief = queues(html), re.findall(r'<tr role="row" id="brief-([^"]*)">', html)
        # Those with more digits of waiting tasks first, then by name.
        assert full == [f"many%20{n}" for n in range(10, 25)]
        assert [name for name in brief if "many" in name] == [
            *(f"many%20{n:02}" for n in (*range(25, 31), *range(1, 10))),
            *(f"many%20{n}" for n in range(31, 61)),
        ]
        assert "30 idle queues</summary>" in html
        assert "30 queues have" not in html  # they have no ready tasks
        by_name = queues(signed_in.get("/?sort=name").text)
        assert by_name == sorted(by_name)
    finally:
        db.execute("DELETE FROM lapinq_counts WHERE queue_name LIKE 'many %%'")


def test_many_of_a_kind_are_one_line_that_unfolds(signed_in: httpx.Client, api_database: str) -> None:
    async def add(conn: Conn) -> None:
        for n in range(30):
            await enqueue(conn, queue_name=f"lost {n:02}")

    on_connections(api_database, add)
    html = signed_in.get("/").text
    [line] = re.findall(r'<details id="alerts-unserved">.*?</details>', html, re.DOTALL)
    assert re.search(r"<summary>3\d queues have tasks and no live worker\.", line)
    assert "The 20 oldest" in line
    assert line.count("<li>") == 20
    assert 'href="queues?trouble=unserved&amp;order=oldest"' in html
    for n in range(30):
        signed_in.delete("/api/v1/tasks", params={"queue": f"lost {n:02}"}).raise_for_status()


def test_what_nobody_does_and_what_slows_everything_is_told_or_that_all_is_well(
    signed_in: httpx.Client, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = signed_in.get("/").text
    assert "1 task waits in queue mail, which no live worker serves." in html
    assert "All well" not in html
    now = datetime.now(UTC)

    async def everything(_conn: psycopg.AsyncConnection, _readable: Readable) -> Alerts:
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
            paused=[PausedQueue("mail", 2, now, "ada", "the receiver is down")],
            breakers=[
                OpenBreaker("maps", "half_open", now, now, 12, 20, 60.0, 1),
                OpenBreaker("", "open", now, now, 5, None, 60.0, 7, "resize"),
            ],
            blocked=[BlockedQueue("devices", 1000, now, True), BlockedQueue("orders", 1, now, False)],
            growing=[GrowingQueue("video", 900, 600, 120.0)],
            dead_workers=[DeadWorker(new_id(), "box-7", now)],
            stuck_workers=[
                StuckWorker(new_id(), "box-8", 4, True, 45.0),
                StuckWorker(new_id(), "box-9", 4, False, 1900.0),
            ],
            late_schedules=3,
            missing_partition=MissingPartition("2026-11-23", 700_000_000),
        )

    monkeypatch.setattr(alerts, "current", everything)
    html = signed_in.get("/").text
    for words in (
        "queue &lt;/li&gt;,",
        "all its workers are quiet",
        "1 webhook was given up",
        "2 webhooks are overdue",
        "3 schedules are late, the first by 45 s",
        "Worker box-8 has not been heard of for 45 s.",
        "Worker box-9 has started nothing for 31 min 40 s: tasks that run far longer than usual hold its 4 slots.",
        "psql (database process 17)",
        "has held a snapshot for 20 min",
        "The prepared transaction gone",
        "The replication slot standby",
        "The week of 2026-11-23 has no partition",
        "(700 MB)",
        "by ada: the receiver is down. 2 tasks wait.",
        'data-to="api/v1/queues/mail/resume"',
        "The circuit breaker of queue maps opened",
        "12 of 20 attempts failed within 1 min. It is trying one task. 1 task waits.",
        "The circuit breaker of the task resize opened",
        "5 attempts failed in a row. It tries one task",
        'href="function?name=resize"',
        "000+ keys of queue devices wait for failed tasks to be tried again, the first since",
        "1 key of queue orders waits for a failed task",
        'href="queue/keys?name=devices"',
        "Queue video is growing: 900 ready tasks, 600 were ready 2 min earlier",
        "Worker box-7 died",
    ):
        assert words in html, words
    monkeypatch.undo()

    async def mend(conn: Conn) -> None:
        await add_worker(conn)
        await conn.execute("DELETE FROM lapinq_queues")

    on_connections(api_database, mend)
    html = signed_in.get("/").text
    assert "All well" in html
    assert "Needs attention" in html  # the heading, for screen readers
