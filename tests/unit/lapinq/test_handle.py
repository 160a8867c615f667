"""Waiting for a result, with servers that support long polls and servers that don't."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest

from lapinq import TaskQueue, TaskRef
from lapinq._client.http.slots import Slots
from lapinq._client.http.transport import SyncHttp
from lapinq.errors import RequestRefused, TaskFailed, TypeMismatch

from .conftest import TASK_ID, Script, finished

tasks = TaskQueue()


@tasks.task
def add(a: int, b: int) -> int:
    return a + b


@tasks.task
def pick(name: str) -> UUID:
    return UUID(name)


@pytest.fixture(autouse=True)
def queue(server: Script) -> Iterator[TaskQueue]:
    tasks.server_url = server.url
    with tasks:
        yield tasks


def test_a_server_that_refuses_to_wait_is_polled(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer(400, {"error": "wait is not a known parameter"})
    server.answer(200, {"error": "task not finished", "status": "pending"})
    server.answer_result("3")
    assert ref.wait()["result"] == "3"
    assert ["?wait=" in request.path for request in server.requests[1:]] == [True, False, False]
    for _ in range(2):
        server.answer(400, {"error": "id must be a task id"})
    with pytest.raises(RequestRefused, match="id must be a task id"):
        ref.wait()


def test_without_a_free_slot_there_is_no_long_poll(server: Script) -> None:
    http = SyncHttp()
    http.long_polls = Slots(1)
    ref = TaskRef(add.queue(1, 2).response, server.url, None, transport=http)
    for _ in range(2):
        server.answer_result("3")
    with http.long_polls.take() as is_first:
        assert is_first
        ref.wait()
    ref.wait()
    assert ["?wait=" in request.path for request in server.requests[1:]] == [False, True]
    http.close()


def test_a_result_is_read_by_the_return_annotation(server: Script, queue: TaskQueue) -> None:
    key = UUID(TASK_ID)
    refs = [pick.queue("a"), pick.options(priority=1).queue("a"), asyncio.run(pick.aqueue("a"))]
    untyped = queue.task(typed=False)(pick.__wrapped__).queue("a")
    for ref, value in (
        *((ref, key) for ref in refs),
        (TaskRef(TASK_ID, queue=queue), str(key)),
        (untyped, str(key)),
    ):
        server.answer_result(f'"{key}"')
        assert ref.result() == value
    server.answer_result(f'"{key}"')
    assert asyncio.run(refs[0].aresult()) == key
    for _ in range(2):
        server.answer_result('"x"')
    with pytest.raises(TypeMismatch, match=r"^pick\(\): result: Invalid UUID$"):
        refs[0].result()
    assert refs[0].wait()["result"] == '"x"'


def test_result_raises_when_there_is_none(server: Script) -> None:
    ref = add.queue(1, 2)
    for status, error, told in (
        ("failed", "ValueError: no", "failed: ValueError: no"),
        ("cancelled", None, "was cancelled"),
        ("expired", "its time to live ran out", "expired: its time to live ran out"),
    ):
        server.answer(200, finished("null") | {"status": status, "result": None, "error": error})
        with pytest.raises(TaskFailed) as raised:
            ref.result()
        assert (str(raised.value), raised.value.task_id) == (f"task {TASK_ID} {told}", TASK_ID)
        assert (raised.value.status, raised.value.error) == (status, error)
