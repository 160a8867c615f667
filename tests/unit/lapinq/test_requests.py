import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from lapinq import TaskQueue, __version__, _requests


def body_of(call: _requests.Call) -> Any:
    assert call.content is not None
    return json.loads(call.content)


def test_enqueue_posts_the_entry_with_the_queue_of_the_client() -> None:
    call = _requests.enqueue(TaskQueue(queue_name="video"), {"task_name": "add", "args": [1]})
    assert (call.method, call.url) == ("POST", "http://127.0.0.1:8001/api/v1/enqueue")
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == f"lapinq/{__version__}"
    assert body_of(call) == {"task_name": "add", "args": [1], "queue_name": "video"}


def test_an_entry_keeps_its_own_queue_and_ttl() -> None:
    queue = TaskQueue(queue_name="video", default_ttl_seconds=60)
    assert body_of(_requests.enqueue(queue, {"queue_name": "mail", "ttl_seconds": 0})) == {
        "queue_name": "mail",
        "ttl_seconds": 0,
    }


@pytest.mark.parametrize("default", [0, 60, 0.5])
def test_the_default_ttl_stands_in_for_a_missing_one(default: float) -> None:
    queue = TaskQueue(default_ttl_seconds=default)
    assert body_of(_requests.enqueue(queue, {}))["ttl_seconds"] == default
    assert body_of(_requests.enqueue(queue, {"ttl_seconds": None}))["ttl_seconds"] == default


def test_a_batch_completes_each_entry_and_leaves_the_given_ones_alone() -> None:
    entries: list[dict[str, Any]] = [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]
    call = _requests.enqueue_batch(TaskQueue(default_ttl_seconds=9), entries)
    assert call.url.endswith("/api/v1/enqueue/batch")
    assert body_of(call) == [
        {"task_name": "a", "queue_name": "default", "ttl_seconds": 9},
        {"task_name": "b", "queue_name": "mail", "ttl_seconds": 9},
    ]
    assert entries == [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]


def test_a_batch_error_names_the_entry() -> None:
    with pytest.raises(ValueError, match=r"^tasks\[1\]\.args\[0\] "):
        _requests.enqueue_batch(TaskQueue(), [{"args": [1]}, {"args": [float("nan")]}])


def test_times_are_sent_as_iso_text() -> None:
    queue = TaskQueue()
    aware = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (
        body_of(_requests.enqueue(queue, {"scheduled_at": aware}))["scheduled_at"] == "2026-01-02T03:04:05Z"
    )
    naive = aware.replace(tzinfo=None)
    assert body_of(_requests.enqueue(queue, {"scheduled_at": naive}))["scheduled_at"] == "2026-01-02T03:04:05"


def test_the_key_is_sent_only_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPINQ_API_KEY", "of the environment")
    assert "X-API-Key" not in _requests.enqueue(TaskQueue(), {}).headers
    assert _requests.task_result(TaskQueue(api_key="secret"), "1").headers["X-API-Key"] == "secret"


def test_a_server_under_a_path_keeps_it() -> None:
    call = _requests.task_details(TaskQueue("https://example.org/tasks/", timeout=5), "7")
    assert (call.method, call.url, call.timeout) == ("GET", "https://example.org/tasks/api/v1/tasks/7", 5)


def test_settings_can_be_changed_after_the_queue_was_made() -> None:
    queue = TaskQueue()
    queue.server_url = "http://other:1"
    queue.api_key = "late"
    call = _requests.enqueue(queue, {})
    assert (call.url, call.headers["X-API-Key"]) == ("http://other:1/api/v1/enqueue", "late")


def test_a_refusal_carries_the_servers_sentence_and_details() -> None:
    details = [{"loc": "priority", "msg": "not an integer"}]
    answer = httpx.Response(
        400, json={"error": "a wrong value", "details": details}, headers={"X-Request-ID": "r1"}
    )
    error = _requests.refusal(answer, "task add was not enqueued")
    assert error is not None
    assert str(error) == "task add was not enqueued: 400: a wrong value (priority: not an integer)"
    assert (error.status_code, error.error, error.details) == (400, "a wrong value", details)
    assert error.request_id == "r1"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(502, text="<h1>Bad gateway</h1>"), "<h1>Bad gateway</h1>"),
        (httpx.Response(503), "Service Unavailable"),
        (httpx.Response(400, json=["no object"]), '["no object"]'),
        (httpx.Response(400, json={"error": 5, "details": "odd"}), '{"error":5,"details":"odd"}'),
        (httpx.Response(301, headers={"Location": "https://x/"}), "Moved Permanently"),
    ],
)
def test_an_answer_that_is_not_lapinqs_is_quoted(answer: httpx.Response, sentence: str) -> None:
    error = _requests.refusal(answer, "it")
    assert error is not None
    assert (error.error, error.details) == (sentence, [])


def test_a_success_is_no_refusal() -> None:
    assert _requests.refusal(httpx.Response(201, json={"task_id": "1"}), "it") is None


def test_an_id_leads_nowhere_else() -> None:
    call = _requests.task_result(TaskQueue("https://example.org"), "../queues/mail?x=#1")
    assert httpx.URL(call.url).raw_path == b"/api/v1/tasks/..%2Fqueues%2Fmail%3Fx%3D%231/result"
