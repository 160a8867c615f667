"""What happens now, over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from lapinq_core.domain.figures import SPANS, Figures
from lapinq_core.domain.histogram import count_into
from lapinq_core.figures import rollups
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.http.refusals import check_queries_refused
from tests.support.rows.factories import Conn, add_worker, beat, claim, enqueue, pause

pytestmark = pytest.mark.http

PATH = "/api/v1/overview"


def happened(started: int, completed: int = 0, failed: int = 0, retried: int = 0) -> Figures:
    made = Figures(started, completed, failed, retried)
    count_into(made.runs, [0.02] * made.completed)
    count_into(made.waits, [1.0] * made.started)
    return made


async def busy(conn: Conn) -> None:
    """A queue with tasks of every kind, one that is paused and empty, and one that nobody serves."""
    await one_of_each(conn, queue="mail")
    await conn.execute("UPDATE lapinq_workers SET is_quiet = true")
    await enqueue(conn, 2, queue_name="mail", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await enqueue(conn, queue_name="nobody's")
    await pause(conn, "empty")
    worker = await add_worker(conn, name="box-1", queues=["mail"])
    await beat(conn, worker, running=1, rate=2.5, memory_bytes=1_000_000)
    await claim(conn, worker, 1, queue="mail")
    await rollups.record(conn, {"mail": happened(started=60, completed=45, failed=15, retried=6)})
    await rollups.record(conn, {"nobody's": happened(started=-3, retried=3)})
    # What a span counts shows once it is over.
    for span in SPANS:
        await conn.execute(
            "UPDATE lapinq_rollups SET since = since - make_interval(secs => greatest(%(span)s, 60))"
            " WHERE span = %(span)s",
            {"span": span},
        )


def test_it_tells_what_happens(api: httpx.Client, api_database: str) -> None:
    on_connections(api_database, busy)
    answer = api.get(PATH)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["window_seconds"], found["queue"], found["more_queues"]) == (300, None, 0)
    finals = dict.fromkeys(("completed", "failed", "cancelled", "expired"), 1)
    assert found["totals"] == {"pending": 3, "running": 2, **finals}
    counted = {"started": 0.19, "completed": 0.15, "failed": 0.05, "retried": 0.03}
    assert found["rates"] == {"enqueued": pytest.approx(9 / 300, abs=0.001), **counted}
    assert found["run"]["p95"] == pytest.approx(0.02, rel=0.34)
    assert found["wait"]["p50"] == pytest.approx(1.0, rel=0.34)

    assert [each["queue_name"] for each in found["queues"]] == ["mail", "nobody's", "empty"]
    mail, nobodys, empty = found["queues"]
    counts = [mail[name] for name in ("pending", "ready", "delayed", "running", "failed")]
    assert counts == [2, 0, 2, 2, 1]
    assert (mail["is_paused"], mail["has_worker"], mail["failure_share"]) == (False, True, 0.25)
    assert (mail["rates"]["started"], mail["oldest_ready_seconds"]) == (0.2, None)
    assert (nobodys["has_worker"], nobodys["ready"], nobodys["rates"]["started"]) == (False, 1, 0)
    assert nobodys["oldest_ready_seconds"] >= 0
    assert nobodys["failure_share"] == 1.0  # nothing completes, as with an open circuit breaker
    assert (empty["is_paused"], empty["pending"], empty["failure_share"]) == (True, 0, None)

    box = next(each for each in found["workers"] if each["name"] == "box-1")
    assert (box["state"], box["queues"], box["concurrency"]) == ("alive", ["mail"], 4)
    assert (box["running"], box["rate"], box["memory_bytes"]) == (1, 2.5, 1_000_000)

    assert [each["queue_name"] for each in found["running"]] == ["mail", "mail"]
    first, last = found["running"]
    assert first["started_at"] <= last["started_at"]
    assert (last["worker_name"], last["task_name"], last["is_cancel_requested"]) == ("box-1", "add", False)
    assert "args" not in answer.text

    of_one = api.get(PATH, params={"queue": "nobody's", "minutes": 1}).json()
    assert (of_one["window_seconds"], of_one["queue"], of_one["totals"]["pending"]) == (60, "nobody's", 1)
    assert [each["queue_name"] for each in of_one["queues"]] == ["nobody's"]
    assert (of_one["running"], of_one["run"]["p50"]) == ([], None)
    assert "box-1" not in {each["name"] for each in of_one["workers"]}
    of_one = api.get(PATH, params={"queue": "mail", "minutes": 60}).json()
    assert (of_one["rates"]["retried"], of_one["rates"]["started"]) == (0.002, 0.017)
    assert of_one["run"]["p50"] is not None
    wrong = (("minutes", "0"), ("minutes", "61"), ("minutes", "x"), ("queue", ""))
    check_queries_refused(api, "GET", PATH, [({name: value}, name) for name, value in wrong])
