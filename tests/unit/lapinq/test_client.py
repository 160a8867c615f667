"""TaskQueue and TaskRef against a real HTTP server."""

import asyncio
import logging
import multiprocessing
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx
import pytest

from lapinq import AsyncTaskQueue, Progress, TaskQueue, TaskRef
from lapinq.errors import NotPersisted, RequestRefused, ServerUnavailable
from lapinq_core.domain.tasks.chosen_id import chosen_id

from .conftest import TASK_ID, Script, finished

tasks = TaskQueue()
LATER = {"error": "later"}


@tasks.task
def add(a: int, b: int) -> int:
    return a + b


def day() -> date:
    return date(2026, 5, 1)


@pytest.fixture(autouse=True)
def queue(server: Script) -> Iterator[TaskQueue]:
    tasks.server_url = server.url
    with tasks:
        yield tasks


def test_queue_sends_the_task_and_returns_its_id(server: Script) -> None:
    ref = add.options(priority=7).queue(1, b=2).raise_for_status()
    assert (ref.task_id, ref.status_code, ref.json()) == (TASK_ID, 201, {"task_id": TASK_ID})
    assert (ref.server_url, ref.api_key, ref.is_async) == (server.url, None, False)
    assert repr(ref) == f"<TaskRef {TASK_ID}>"
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/api/v1/enqueue")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "task_name": "add",
        "module_path": __name__,
        "args": [1],
        "kwargs": {"b": 2},
        "priority": 7,
        "queue_name": "default",
    }


def test_a_refusal_is_raised(server: Script, queue: TaskQueue, caplog: pytest.LogCaptureFixture) -> None:
    details = [{"loc": "[1].priority", "msg": "not an integer"}]
    for enqueue, what in (
        (lambda: add.queue(1, 2), "task add was not enqueued"),
        (lambda: queue.batch_enqueue([]), "the batch was not enqueued"),
    ):
        server.answer(400, {"error": "bad", "details": details})
        with pytest.raises(RequestRefused, match=what) as raised:
            enqueue()
        assert str(raised.value) == f"{what}: 400: bad ([1].priority: not an integer)"
        assert (raised.value.status_code, raised.value.details) == (400, details)
        server.answer(200, "<html>welcome</html>")
        with pytest.raises(RequestRefused, match=f"{server.url}.* is it a lapinq server"):
            enqueue()
    assert caplog.records == []


def test_without_raise_errors_a_refusal_is_in_the_ref_and_in_the_log(
    server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    with TaskQueue(server.url, raise_errors=False) as lenient:
        server.answer(400, {"error": "module not allowed"})
        ref = lenient.task(add).queue(1, 2)
        assert (ref.status_code, ref.json()) == (400, {"error": "module not allowed"})
        for use in (lambda: ref.task_id, ref.raise_for_status, ref.wait, ref.status, ref.cancel):
            with pytest.raises(RequestRefused, match="did not take the task: 400: module not allo"):
                use()
        server.answer(503, LATER)
        batch = lenient.batch_enqueue([])
        assert (batch.status_code, list(batch), repr(batch)) == (503, [], "<BatchRef 503>")
        server.answer(200, "<html>welcome</html>")
        with pytest.raises(RequestRefused, match=f"{server.url}.* is it a lapinq server"):
            _ = lenient.task(add).queue(1, 2).task_id
    assert caplog.record_tuples == [
        ("lapinq", logging.WARNING, "task add was not enqueued: 400: module not allowed"),
        ("lapinq", logging.WARNING, "the batch was not enqueued: 503: later"),
    ]
    assert [request.headers.get("idempotency-key") for request in server.requests] == [None] * 3


def test_an_error_tells_whether_a_request_without_an_answer_may_have_arrived(nobody: str) -> None:
    with (
        TaskQueue(nobody, timeout=0.2) as away,
        pytest.raises(ServerUnavailable, match=f"no answer from {nobody}/api/v1/enqueue: ") as raised,
    ):
        away.task(add).queue(1, 2)
    assert isinstance(raised.value.__cause__, httpx.ConnectError)
    assert not raised.value.may_have_arrived
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = TaskQueue(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with slow, pytest.raises(ServerUnavailable) as raised:
            slow.task(add).queue(1, 2)
    assert raised.value.may_have_arrived


def test_a_batch_is_one_request_its_response_and_its_refs(server: Script, queue: TaskQueue) -> None:
    pick, other = queue.task(day), queue.task(name="other")(add.__wrapped__)
    server.answer(201, {"task_ids": ["1", "2", "3", None]})
    unknown = {"task_name": "day", "module_path": "elsewhere"}
    batch = queue.batch_enqueue([other.entry(1, 2), pick.entry(), unknown, add.entry(1, 2)])
    assert isinstance(batch, httpx.Response)
    assert batch.raise_for_status() is batch
    assert (batch.status_code, batch.json()) == (201, {"task_ids": ["1", "2", "3", None]})
    assert [ref.task_id for ref in batch] == batch.task_ids == ["1", "2", "3", None]
    assert (len(batch), batch[-2].task_id, [ref.task_id for ref in batch[2:]]) == (4, "3", ["3", None])
    [request] = server.requests
    assert request.path == "/api/v1/enqueue/batch"
    assert [(entry["task_name"], entry["queue_name"]) for entry in request.json] == [
        (name, "default") for name in ("other", "day", "day", "add")
    ]
    # Each result is read by the annotations of its task, where they are known.
    for number, expected in enumerate(("2026-05-01", date(2026, 5, 1), "2026-05-01")):
        server.answer_result('"2026-05-01"')
        assert batch[number].result() == expected
        assert server.requests[-1].path.startswith(f"/api/v1/tasks/{number + 1}/result")


def test_of_a_batch_that_is_too_large_no_more_is_read_and_nothing_is_sent(
    server: Script, queue: TaskQueue
) -> None:
    server.answer(201, {"task_ids": ["1"] * 1000})
    entry = add.entry(1, 2)
    assert len(queue.batch_enqueue(entry for _ in range(1000))) == 1000
    server.requests.clear()
    read = 0

    def endless() -> Iterator[dict[str, object]]:
        nonlocal read
        while True:
            read += 1
            yield entry

    for entries in ([entry] * 1001, endless()):
        with pytest.raises(RequestRefused, match="the body must be a list of at most 1000 tasks") as refused:
            queue.batch_enqueue(entries)
        with TaskQueue(server.url, raise_errors=False) as lenient:
            assert lenient.batch_enqueue(entries).status_code == 400
        assert (refused.value.status_code, server.requests) == (400, [])
    assert read == 2 * 1001


def test_what_is_temporary_is_repeated_with_one_key(server: Script, queue: TaskQueue) -> None:
    for status in (502, 503, 504):
        server.answer(status, LATER)
    server.answer(429, {"error": "slow down"}, {"Retry-After": "0"})
    assert add.queue(1, 2).task_id == TASK_ID
    [key] = {request.headers["idempotency-key"] for request in server.requests}
    assert (len(server.requests), chosen_id(key, time.time())) == (5, key.removeprefix("task-"))
    server.requests.clear()
    server.answer(503, LATER)
    server.answer(201, {"task_ids": ["1"]})
    assert queue.batch_enqueue([add.entry(1, 2)]).task_ids == ["1"]
    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] != key
    server.answer(503, LATER)
    assert add.options(idempotency_key="mine").queue(1, 2).task_id == TASK_ID
    assert [request.headers["idempotency-key"] for request in server.requests[2:]] == ["mine"] * 2


def test_a_refusal_for_longer_than_the_call_may_take_is_raised_at_once(server: Script) -> None:
    with TaskQueue(server.url, timeout=60) as queue:
        task = queue.task(add)
        for enqueue in (lambda: task.queue(1, 2), lambda: asyncio.run(task.aqueue(1, 2))):
            server.answer(429, {"error": "slow down"}, {"Retry-After": "61"})
            with pytest.raises(RequestRefused, match="429: slow down"):
                enqueue()
    assert len(server.requests) == 2


def test_fire_and_forget_is_only_repeated_if_it_surely_was_not_taken_and_has_no_result(
    server: Script,
) -> None:
    forget = add.options(ttl_seconds=0)
    server.answer(429, {"error": "slow down"})
    server.answer(201, {"task_id": None, "ttl_seconds": 0})
    ref = forget.queue(1, 2)
    assert (ref.task_id, ref.status()) == (None, None)
    with pytest.raises(NotPersisted):
        ref.wait()
    server.answer(503, LATER)
    with pytest.raises(RequestRefused, match="503: later"):
        forget.queue(1, 2)
    assert server.requests[0].json["ttl_seconds"] == 0
    assert [request.headers.get("idempotency-key") for request in server.requests] == [None] * 3


def test_a_ref_by_id_asks_where_it_is_told_or_where_the_queue_enqueues(
    server: Script, queue: TaskQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPINQ_URL", server.url)
    by_hand = TaskRef(httpx.Response(201, json={"task_id": TASK_ID}), server.url, "secret")
    by_id = (TaskRef(TASK_ID, queue=queue), TaskRef(uuid.UUID(TASK_ID)), TaskRef(TASK_ID, server.url))
    for ref in (by_hand, *by_id):
        server.answer_result("3")
        assert (ref.task_id, ref.result()) == (TASK_ID, 3)
    server.answer_result("4")
    assert queue.result(TASK_ID) == 4
    assert [request.headers.get("x-api-key") for request in server.requests[:2]] == ["secret", None]


def test_cancel_tells_whether_the_task_will_not_run(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer(200, {"id": TASK_ID, "status": "cancelled"})
    assert ref.cancel()
    server.answer(202, {"id": TASK_ID, "status": "running", "cancel_requested": True})
    assert ref.cancel(running=True)
    server.answer(404, {"error": "the task is running"})
    server.answer(200, {"id": TASK_ID, "status": "running"})
    assert not ref.cancel()
    server.answer(503, LATER)
    server.answer(404, {"error": "only a pending task can be cancelled"})
    server.answer(200, {"id": TASK_ID, "status": "cancelled"})
    assert ref.cancel()
    server.answer(403, {"error": "not yours"})
    with pytest.raises(RequestRefused, match="403: not yours"):
        ref.cancel()
    deleted = [request.path for request in server.requests if request.method == "DELETE"]
    assert deleted[:2] == [f"/api/v1/tasks/{TASK_ID}", f"/api/v1/tasks/{TASK_ID}?running=true"]


def test_the_environment_names_the_server_unless_the_program_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (TaskQueue().server_url, TaskQueue().api_key) == ("http://127.0.0.1:8001", None)
    monkeypatch.setenv("LAPINQ_URL", "https://tasks.example.org")
    monkeypatch.setenv("LAPINQ_API_KEY", "secret")
    for queue in (TaskQueue(queue_name="video"), AsyncTaskQueue()):
        assert (queue.server_url, queue.api_key) == ("https://tasks.example.org", "secret")
    assert TaskQueue(api_key="mine").api_key == "mine"
    named = TaskQueue("http://127.0.0.1:8001")
    assert (named.server_url, named.api_key) == ("http://127.0.0.1:8001", None)
    assert TaskQueue("https://tasks.example.org/shop").api_key == "secret"


@pytest.mark.parametrize("named", [None, "postgresql://db/shop"])
def test_the_key_of_the_environment_is_for_this_machine_unless_a_server_is_named(
    named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPINQ_API_KEY", "secret")
    if named is not None:
        monkeypatch.setenv("LAPINQ_URL", named)
    for url, key in (
        ("http://127.0.0.1:8001", "secret"),
        ("http://localhost:9000/tasks", "secret"),
        ("https://tasks.example.org", None),
        ("postgresql://localhost/shop", None),
    ):
        assert TaskQueue(url).api_key == TaskRef(TASK_ID, url).api_key == key


def test_the_key_of_the_environment_does_not_follow_to_another_server(
    server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPINQ_API_KEY", "secret")
    monkeypatch.setenv("LAPINQ_URL", "https://tasks.example.org")
    for queue in (TaskQueue(), TaskQueue("https://tasks.example.org/shop")):
        queue.server_url = server.url
        ref = queue.task("add")(add.__wrapped__).queue(1, 2)
        ref.status()
        TaskRef(TASK_ID, queue=queue).status()
    assert not [request for request in server.requests if "x-api-key" in request.headers]
    queue.api_key = "mine"
    queue.task("add")(add.__wrapped__).queue(1, 2)
    monkeypatch.setenv("LAPINQ_URL", server.url)
    queue = TaskQueue()
    queue.server_url += "/"
    queue.task("add")(add.__wrapped__).queue(1, 2)
    assert [request.headers["x-api-key"] for request in server.requests[-2:]] == ["mine", "secret"]


def test_progress_is_read_from_the_task(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer(200, {"id": TASK_ID, "status": "running", "progress": 40, "progress_message": "page 4"})
    assert ref.progress() == Progress("running", 40, "page 4")
    assert server.requests[-1].path == f"/api/v1/tasks/{TASK_ID}"
    for status, told in ((401, "no progress of task"), (200, "did not answer as lapinq does")):
        server.answer(status, {"error": "no key"})
        with pytest.raises(RequestRefused, match=told):
            ref.progress()


def test_a_wrong_url_is_told_at_once(server: Script, queue: TaskQueue) -> None:
    ref = TaskRef(TASK_ID, f"{server.url}/api/v1")
    for ask in (ref.status, ref.cancel, ref.wait):
        server.answer(404, {"error": "there is nothing at this path"})
        with pytest.raises(RequestRefused, match=r"/api/v1/api/v1/.* ends before /api/v1"):
            ask()
    secure = TaskQueue(server.url.replace("http:", "https:"))
    with pytest.raises(RequestRefused, match="does not speak https, it seems: begin the URL with http://"):
        secure.task(add).queue(1, 2)


def test_a_401_says_where_a_key_comes_from(server: Script, queue: TaskQueue) -> None:
    server.answer(401, {"error": "this needs a valid X-API-Key header or a session"})
    with pytest.raises(RequestRefused, match=r"session\. Pass api_key=, or set LAPINQ_API_KEY: ") as refused:
        add.queue(1, 2)
    assert refused.value.error == "this needs a valid X-API-Key header or a session"


def test_wait_returns_the_result_object(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer(200, {"error": "task not finished", "status": "pending"})
    server.answer(404, {"error": "task not finished", "status": "running"})
    server.answer(503, {"error": "database away"})
    server.answer_result("3")
    assert ref.wait(poll_interval=0.01) == finished("3")
    paths = [request.path for request in server.requests[1:]]
    assert {path.partition("?")[0] for path in paths} == {f"/api/v1/tasks/{TASK_ID}/result"}
    # After a 503 it does not ask the server to wait: it may be one that can hold no more.
    assert ["?wait=" in path for path in paths] == [True, True, True, False]


def test_wait_ends_with_its_time_and_at_once_when_the_task_is_unknown(server: Script, nobody: str) -> None:
    ref = add.queue(1, 2)
    server.answer(404, {"error": "no such task"})
    with pytest.raises(RequestRefused, match="404: no such task"):
        ref.wait()
    ref.server_url = nobody
    with pytest.raises(TimeoutError, match=f"no answer from {nobody}") as raised:
        ref.wait(timeout=0.05)
    assert isinstance(raised.value.__cause__, ServerUnavailable)


def test_status_is_the_servers_and_none_for_an_unknown_task(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer(200, {"id": TASK_ID, "status": "running"})
    assert ref.status() == "running"
    assert server.requests[1].path == f"/api/v1/tasks/{TASK_ID}"
    server.answer(404, {"error": "no such task"})
    assert ref.status() is None
    server.answer(401, {"error": "no key"})
    with pytest.raises(RequestRefused, match="401: no key"):
        ref.status()


def test_requests_share_a_connection_and_a_closed_queue_opens_another(
    server: Script, queue: TaskQueue
) -> None:
    add.queue(1, 2)
    add.queue(1, 2)
    queue.close()
    queue.close()
    assert add.queue(1, 2).task_id == TASK_ID
    first, second, third = (request.client_port for request in server.requests)
    assert first == second != third


def test_threads_share_a_queue(server: Script) -> None:
    start = threading.Barrier(8)

    def send(number: int) -> str | None:
        start.wait()
        return add.queue(number, 0).task_id

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [TASK_ID] * 8
    assert sorted(request.json["args"][0] for request in server.requests) == list(range(8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_a_connection_of_its_own(server: Script) -> None:
    add.queue(1, 2)
    child = multiprocessing.get_context("fork").Process(target=add.queue, args=(3, 4))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    add.queue(5, 6)
    parent, forked, again = (request.client_port for request in server.requests)
    assert forked != parent
    assert again == parent


def test_a_proxy_is_not_used_for_this_host(
    server: Script, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert add.queue(1, 2).task_id == TASK_ID
    with (
        TaskQueue("http://elsewhere.invalid", timeout=0.2) as away,
        pytest.raises(ServerUnavailable, match="refused"),
    ):
        away.task(add).queue(1, 2)
