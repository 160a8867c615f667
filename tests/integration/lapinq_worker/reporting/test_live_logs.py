"""What a running attempt logs is seen while it runs."""

# pyright: reportPrivateUsage=false

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.tasks import inspect, worker_verbs
from lapinq_worker.reporting.live_logs import MAX_CHARACTERS
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.sample import logging_tasks

LIVE = "SELECT logs LIKE %s FROM lapinq_running WHERE id = %s"


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_what_a_running_attempt_logs_is_there_before_it_ends(desk: Desk, gate: Gate, pool: str) -> None:
    async with desk.working(worker_pool=pool):
        ids = [
            await desk.hand_in(function, "half way", gate.path)
            for function in (logging_tasks.asay_and_wait, logging_tasks.say_and_wait)
        ]
        words = "\n".join(f"line {number}" for number in range(3_000))
        long = await desk.hand_in(logging_tasks.asay_and_wait, words, gate.path)
        for task in ids:
            await desk.until(LIVE, "%INFO half way", task)
            assert "half way" in (await inspect.get_attempts(desk.conn, task) or "")
        # Of a long log the latest lines are sent.
        await desk.until(LIVE, "%", long)
        logs = await desk.value("SELECT logs FROM lapinq_running WHERE id = %s", long)
        assert len(logs) <= MAX_CHARACTERS
        assert logs.startswith("line ") or "…" in logs
        gate.open()
        await desk.ended(*ids, long)
        for task in ids:
            logs = await desk.value("SELECT logs FROM lapinq_attempts WHERE task_id = %s", task)
            assert [line.partition("INFO ")[2] for line in logs.splitlines()] == ["half way", "the last word"]


async def test_quick_attempts_send_nothing_before_their_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    report = worker_verbs.report_logs

    async def counted(conn: psycopg.AsyncConnection, logs: Any) -> set[str]:
        sent.append(logs)
        return await report(conn, logs)

    monkeypatch.setattr(worker_verbs, "report_logs", counted)

    async with desk.working() as worker:
        ids = await desk.hand_in_many(
            [task_of(logging_tasks.asay, f"number {number}") for number in range(50)]
        )
        await desk.ended(*ids)
        assert worker._reports.live_logs._take_due() == []
    assert sent == []


async def test_lines_of_an_outdated_claim_change_nothing(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 2)
    ours, theirs = await claim(conn, worker, limit=2)
    reports = sorted([(ours.id, ours.token, "mine"), (theirs.id, str(uuid4()), "not mine")])
    assert await worker_verbs.report_logs(conn, reports) == {ours.id}
    rows = await all_rows(conn, "SELECT id::text, logs FROM lapinq_running")
    assert dict(rows) == {ours.id: "mine", theirs.id: None}
