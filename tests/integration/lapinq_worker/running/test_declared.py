"""What a task can know, say and ask for while it runs, from the declaration to the answers of the API."""

import json
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
from tests.support.sample import declared

POOLS = ["processes", "threads"]


@pytest.fixture(params=POOLS, scope="module")
def url(postgres_url: str, template_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a server with a worker listens."""
    with private_database(postgres_url, template_database) as database, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAPINQ_WORKER_POOL", request.param)
        with serving(create_app(database, worker=True)) as client:
            declared.queue.server_url = str(client.base_url)
            yield declared.queue.server_url


def shown(task_id: str | None, *part: str) -> Any:
    return httpx.get("/".join([f"{declared.queue.server_url}/api/v1/tasks/{task_id}", *part])).json()


def test_each_task_ends_as_it_was_declared(url: str, tmp_path: Path) -> None:
    """The status, what it returned or why it failed, and the ends of its attempts."""
    ends: list[tuple[Task[..., Any], tuple[Any, ...], str, str, list[str]]] = [
        (declared.give_up, (), "failed", "Hopeless: for good", ["failed"]),
        (declared.fail_always, (), "failed", "ValueError: start 3", ["failed"] * 3),
        (declared.fail_until, (3,), "completed", "3", ["failed", "failed", "completed"]),
        (declared.snooze_once, (str(tmp_path / "a"),), "completed", "1", ["released", "completed"]),
        (declared.cancel_itself, ("no such customer",), "cancelled", "no such customer", ["cancelled"]),
        (declared.asleep_on, (), "failed", "time limit of 0.5 s reached", ["failed"]),
        (declared.sleep_once, (), "failed", "time limit of 0.3 s reached", ["failed"]),
    ]
    for (task, args, status, told, outcomes), ref in [(end, end[0].queue(*end[1])) for end in ends]:
        ref.wait()
        found, attempts = shown(ref.task_id), shown(ref.task_id, "attempts")
        assert (found["status"], found["result"] or found["error"]) == (status, told), (task, args)
        assert [attempt["outcome"] for attempt in attempts] == outcomes, task
        assert found["attempts"] == len(outcomes) - outcomes.count("released"), task
        if task is declared.give_up:
            assert attempts[0]["traceback"].splitlines()[1].endswith("in give_up")
        if task is declared.fail_until:  # whose schedule goes before the stored delay
            begun, ended = attempts[1]["started_at"], attempts[0]["finished_at"]
            passed = datetime.fromisoformat(begun) - datetime.fromisoformat(ended)
            assert passed < timedelta(seconds=5)  # ten of the default


@pytest.mark.parametrize("function", [declared.count_until_cancelled, declared.wait_until_cancelled])
def test_a_running_task_is_cancelled(url: str, tmp_path: Path, function: Task[..., Any]) -> None:
    path = tmp_path / "told"
    ref = function.options(metadata={"label": "seven"}).queue(str(path))
    one = f"{url}/api/v1/tasks/{ref.task_id}"
    eventually(lambda: shown(ref.task_id)["progress_message"], 30)

    assert httpx.delete(one).status_code == 404
    assert httpx.delete(f"{one}?running=true").status_code == 202
    assert ref.wait()["status"] == "cancelled"
    assert path.exists()
    (attempt,) = shown(ref.task_id, "attempts")
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
    ref = changed.queue()
    ref.wait()
    task = shown(ref.task_id)
    assert task["status"] == "completed", task["error"]
    known = json.loads(task["result"])
    enqueued, deadline = (datetime.fromisoformat(known.pop(key)) for key in ("enqueued_at", "deadline"))
    assert before - timedelta(seconds=1) < enqueued < deadline
    assert timedelta(seconds=110) < deadline - enqueued < timedelta(seconds=180)
    assert known.pop("claim_seq") > 0
    assert known == {
        "id": task["id"],
        "name": changed.task_name,
        "module": "tests.support.sample.declared",
        "queue": "tests",
        "attempt": 1,
        "max_retries": 7,
        "metadata": {"trace": "abc"},
        "request_id": task["request_id"],
        "cancelled": False,
        "lease_lost": False,
    }
    assert task["request_id"] is not None
    assert (task["progress"], task["progress_message"]) == (99, "nearly there")
    assert shown(ref.task_id, "attempts")[0]["logs"].endswith(f"WARNING described {changed.task_name}")
