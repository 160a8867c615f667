"""What a task can know, say and ask for while it runs, from the declaration to the answers of the API."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lapinq import Task
from lapinq.server import create_app
from tests.support.database.postgres import private_database
from tests.support.eventually import eventually
from tests.support.http.serving import serving
from tests.support.sample import declared, spending

POOLS = ["processes", "threads"]
SLOW_MODULE = "tests.support.sample.slow_module"
in_children = pytest.mark.parametrize("url", ["processes"], indirect=True)


@pytest.fixture(params=POOLS, scope="module")
def url(postgres_url: str, template_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a server with a worker listens."""
    with private_database(postgres_url, template_database) as database, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAPINQ_WORKER_POOL", request.param)
        with serving(create_app(database, worker=True)) as client:
            declared.queue.server_url = str(client.base_url)
            yield declared.queue.server_url


def finished(task: Task[..., Any], *args: Any) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """The status, the task and its attempts, once it has ended."""
    ref = task.queue(*args)
    ref.wait()
    shown = httpx.get(f"{declared.queue.server_url}/api/v1/tasks/{ref.task_id}").json()
    return shown["status"], shown, attempts_of(ref.task_id)


def attempts_of(task_id: str | None) -> list[dict[str, Any]]:
    return httpx.get(f"{declared.queue.server_url}/api/v1/tasks/{task_id}/attempts").json()


def test_no_retry_for_what_no_retry_helps_against(url: str) -> None:
    status, task, attempts = finished(declared.give_up)
    assert (status, task["error"]) == ("failed", "Hopeless: for good")
    assert [attempt["outcome"] for attempt in attempts] == ["failed"]
    assert attempts[0]["traceback"].splitlines()[1].endswith("in give_up")


def test_a_list_of_waits_is_a_number_of_retries(url: str) -> None:
    status, task, attempts = finished(declared.fail_always)
    assert (status, task["error"], task["attempts"]) == ("failed", "ValueError: start 3", 3)
    assert [attempt["error"] for attempt in attempts] == [f"ValueError: start {n}" for n in (1, 2, 3)]


def test_a_schedule_goes_before_the_stored_delay(url: str) -> None:
    status, task, attempts = finished(declared.fail_until, 3)
    assert (status, task["result"]) == ("completed", "3")
    begun, ended = (
        datetime.fromisoformat(time) for time in (attempts[1]["started_at"], attempts[0]["finished_at"])
    )
    assert begun - ended < timedelta(seconds=5)  # ten of the default


def test_a_snooze_uses_up_no_start(url: str, tmp_path: Path) -> None:
    status, task, attempts = finished(declared.snooze_once, str(tmp_path / "snoozed"))
    assert (status, task["result"], task["attempts"]) == ("completed", "1", 1)
    assert [attempt["outcome"] for attempt in attempts] == ["released", "completed"]


def test_a_task_that_closes_its_limit_runs_again_and_units_are_given_back(url: str, tmp_path: Path) -> None:
    limit = f"{url}/api/v1/limits/openai"
    assert httpx.put(limit, json={"rate": {"limit": 90, "period_seconds": 36_000}}).status_code == 201

    def finished_with(name: str, units: int, *args: object) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        task = {"module_path": spending.__name__, "task_name": name, "args": ["openai", *args]}
        asked = {**task, "limits": {"openai": units}, "max_retries": 0}
        task_id = httpx.post(f"{url}/api/v1/enqueue", json=asked).json()["task_id"]
        httpx.get(f"{url}/api/v1/tasks/{task_id}/result?wait=20", timeout=30)
        return httpx.get(f"{url}/api/v1/tasks/{task_id}").json(), attempts_of(task_id)

    spent, _ = finished_with("spend", 60, 90, 10)
    assert spent["status"] == "completed", spent["error"]
    # It needs some of the 50 units that came back.
    refused, attempts = finished_with("refused_once", 30, 0.5, str(tmp_path / "refused"))
    assert (refused["status"], refused["result"], refused["attempts"]) == ("completed", "1", 1)
    assert [attempt["outcome"] for attempt in attempts] == ["released", "completed"]
    assert attempts[0]["error"] == "limit openai closed for 0.5 s"
    assert httpx.get(limit).json()["tokens"] == pytest.approx(90 - 10 - 30 - 30, abs=1)
    assert httpx.delete(limit).status_code == 204


def test_a_task_cancels_itself(url: str) -> None:
    status, task, attempts = finished(declared.cancel_itself, "no such customer")
    assert (status, task["error"], len(attempts)) == ("cancelled", "no such customer", 1)


@in_children
def test_a_plain_function_can_tidy_up_at_its_limit(url: str, tmp_path: Path) -> None:
    status, task, _ = finished(declared.tidy_up, str(tmp_path / "tidied"))
    assert (status, task["error"], task["timeout_seconds"]) == ("failed", "time limit of 0.5 s reached", 0.5)
    assert (tmp_path / "tidied").exists()


@in_children
def test_a_result_within_the_grace_counts(url: str) -> None:
    status, task, _ = finished(declared.sleep_on)
    assert (status, task["result"]) == ("completed", '"stopped after 0.5 s"')


def test_a_coroutine_has_a_limit_of_its_own(url: str) -> None:
    status, task, _ = finished(declared.asleep_on)
    assert (status, task["error"]) == ("failed", "time limit of 0.5 s reached")


@pytest.mark.parametrize("function", [declared.count_until_cancelled, declared.wait_until_cancelled])
def test_a_running_task_is_cancelled(url: str, tmp_path: Path, function: Task[..., Any]) -> None:
    path = tmp_path / "told"
    ref = function.options(metadata={"label": "seven"}).queue(str(path))
    one = f"{url}/api/v1/tasks/{ref.task_id}"
    eventually(lambda: httpx.get(one).json()["progress_message"], 30)

    assert httpx.delete(one).status_code == 404
    assert httpx.delete(f"{one}?running=true").status_code == 202
    assert ref.wait()["status"] == "cancelled"
    assert path.exists()
    (attempt,) = attempts_of(ref.task_id)
    assert attempt["outcome"] == "cancelled"
    assert attempt["logs"].endswith("INFO begun seven")
    assert attempt["progress_message"]
    assert httpx.delete(f"{one}?running=true").status_code == 404


@pytest.mark.parametrize("function", [declared.describe, declared.adescribe])
def test_a_task_knows_itself(url: str, function: Task[..., Any]) -> None:
    before = datetime.now(UTC)
    changed = function.options(
        queue_name="tests", metadata={"trace": "abc"}, max_retries=7, timeout=120, retry_delay=1
    )
    status, task, attempts = finished(changed)
    assert status == "completed", task["error"]
    known = json.loads(task["result"])
    assert {key: known[key] for key in ("id", "queue", "attempt", "max_retries", "metadata")} == {
        "id": task["id"],
        "queue": "tests",
        "attempt": 1,
        "max_retries": 7,
        "metadata": {"trace": "abc"},
    }
    assert known["request_id"] == task["request_id"] is not None
    assert known["module"] == "tests.support.sample.declared"
    assert known["name"] == changed.task_name
    assert not known["cancelled"]
    assert not known["lease_lost"]
    assert known["claim_seq"] > 0
    enqueued, deadline = (datetime.fromisoformat(known[key]) for key in ("enqueued_at", "deadline"))
    assert before - timedelta(seconds=1) < enqueued < deadline
    assert timedelta(seconds=110) < deadline - enqueued < timedelta(seconds=180)
    assert (task["progress"], task["progress_message"]) == (99, "nearly there")
    assert attempts[0]["logs"].endswith(f"WARNING described {changed.task_name}")


def test_progress_can_be_told_from_outside(url: str, tmp_path: Path) -> None:
    ref = declared.wait_until_cancelled.queue(str(tmp_path / "told"))
    one = f"{url}/api/v1/tasks/{ref.task_id}"
    eventually(lambda: httpx.get(one).json()["progress"] == 50, 30)
    answer = httpx.patch(f"{one}/progress", json={"progress": 70, "message": "from outside"})
    assert answer.status_code == 200
    shown = httpx.get(one).json()
    assert (shown["progress"], shown["progress_message"]) == (70, "from outside")
    stale = httpx.patch(f"{one}/progress", json={"progress": 1}, headers={"X-Lapinq-Claim": "999999"})
    assert stale.status_code == 409
    assert httpx.delete(f"{one}?running=true").status_code == 202
    ref.wait()
    assert httpx.patch(f"{one}/progress", json={"progress": 1}).status_code == 409


def test_a_limit_that_no_retry_helps_against(url: str) -> None:
    status, task, attempts = finished(declared.sleep_once)
    assert (status, task["error"], len(attempts)) == ("failed", "time limit of 0.3 s reached", 1)


def test_the_import_of_its_module_is_none_of_the_tasks_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, SLOW_MODULE, raising=False)
    entries = [
        {"module_path": SLOW_MODULE, "task_name": name, "timeout_seconds": 0.5}
        for name in ("quick", "aquick")
    ]
    for task_id in httpx.post(f"{url}/api/v1/enqueue/batch", json=entries).json()["task_ids"]:
        httpx.get(f"{url}/api/v1/tasks/{task_id}/result?wait=20", timeout=30)
        task = httpx.get(f"{url}/api/v1/tasks/{task_id}").json()
        assert (task["status"], task["result"], task["attempts"]) == ("completed", '"quick"', 1)
