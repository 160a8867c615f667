"""Signals that a client sends, and the steps that it reads: over a server, in the database itself, and in the caller's
transaction with every driver."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pytest

from lapinq import AsyncTaskQueue, TaskQueue, TaskRef
from lapinq.errors import InvalidValue, RequestRefused
from lapinq.testing import Database, DatabaseWorker
from lapinq_api.app import build_app
from lapinq_core.durable import reading
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq._client.test_client import Server
from tests.support.database.postgres import private_database
from tests.support.drivers.for_coroutines import FOR_COROUTINES
from tests.support.drivers.plain import PLAIN
from tests.support.drivers.urls import plain_url
from tests.support.http.serving import serving
from tests.support.sample import tasks


@pytest.fixture(scope="module")
def server(postgres_url: str, template_database: str) -> Iterator[Server]:
    """Without a worker."""
    with (
        private_database(postgres_url, template_database) as url,
        serving(build_app(Settings(database_url=url))) as client,
    ):
        yield Server(str(client.base_url), url)


@pytest.fixture(params=["server", "database"])
def address(request: pytest.FixtureRequest, server: Server) -> str:
    return server.url if request.param == "server" else plain_url(server.database)


@pytest.fixture
def queue(address: str) -> Iterator[TaskQueue]:
    with TaskQueue(address, uuid.uuid4().hex) as queue:
        yield queue


def sent(server: Server, ref: TaskRef[Any]) -> list[tuple[str, Any]]:
    """The signals that the task has not taken."""
    with psycopg.connect(server.database) as conn:
        rows = conn.execute(
            "SELECT name, result FROM lapinq_steps WHERE task_id = %s AND kind = 'sent' ORDER BY occurrence",
            (ref.task_id,),
        )
        return [(name, json.loads(value)) for name, value in rows]


def run(server: Server, queue: TaskQueue) -> None:
    DatabaseWorker(Database(server.database), worker_queues=(queue.queue_name,)).drain()


def test_a_task_takes_what_was_sent(queue: TaskQueue, server: Server) -> None:
    ref = queue.task(tasks.noop).queue()
    ref.signal("approved", {"by": "eva", "on": date(2026, 1, 31)})
    ref.signal("approved")
    assert ref.task_id is not None
    queue.signal(ref.task_id, "a/b", [1, "ü"])
    assert sent(server, ref) == [
        ("approved", {"by": "eva", "on": "2026-01-31"}),
        ("approved", None),
        ("a/b", [1, "ü"]),
    ]


async def test_coroutines_send_and_read_too(address: str, server: Server) -> None:
    async with AsyncTaskQueue(address, uuid.uuid4().hex) as queue:
        ref = await queue.task(tasks.noop).aqueue()
        await ref.asignal("approved", 1)
        assert ref.task_id is not None
        await queue.signal(ref.task_id, "approved", 2)
        assert sent(server, ref) == [("approved", 1), ("approved", 2)]
        assert await ref.asteps() == []


def test_a_refusal_says_why(queue: TaskQueue, server: Server) -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(
        RequestRefused, match=r"'go' was not sent to task .*: 404: there is no task with this id"
    ):
        queue.signal(unknown, "go")
    with pytest.raises(RequestRefused, match=r"no steps of task .*: 404: there is no task with this id"):
        TaskRef(unknown, queue=queue).steps()
    ref = queue.task(tasks.noop).queue()
    run(server, queue)
    with pytest.raises(RequestRefused, match="409: the task has ended, so it takes no more signals"):
        ref.signal("go")
    with pytest.raises(InvalidValue, match="name: must be a string that is not empty"):
        ref.signal(" ")
    with pytest.raises(TypeError, match="value cannot be sent as JSON"):
        ref.signal("go", object())
    with pytest.raises(RequestRefused, match="400: value must not contain the character NUL"):
        ref.signal("go", "\0")


def test_all_pages_of_steps_are_read(
    queue: TaskQueue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = queue.task(tasks.noop).queue()
    with psycopg.connect(server.database) as conn:
        conn.execute(
            "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, attempt)"
            " SELECT %s, 'a', n, 'step', 'completed', n::text, lapinq_now(), lapinq_now(), 1"
            " FROM generate_series(0, 6) AS n",
            (ref.task_id,),
        )
    monkeypatch.setattr(reading, "MAX_PAGE_BYTES", 3)
    found = ref.steps()
    assert [(one["name"], one["occurrence"], one["result"]) for one in found] == [
        ("a", number, str(number)) for number in range(7)
    ]


@pytest.mark.parametrize("driver", PLAIN)
def test_a_signal_is_sent_if_the_transaction_commits(driver: str, server: Server) -> None:
    with TaskQueue(server.url, uuid.uuid4().hex) as queue, PLAIN[driver](server.database) as user:
        ref = queue.task(tasks.noop).queue()
        assert ref.task_id is not None
        for value, end in (("a%s", user.rollback), ({"b": "%(x)s"}, user.commit)):
            queue.using(user.connection).signal(ref.task_id, "go", value)
            assert sent(server, ref) == []
            end()
        assert sent(server, ref) == [("go", {"b": "%(x)s"})]
        with suppress(ZeroDivisionError), user.savepoint():
            queue.using(user.connection).signal(ref.task_id, "go")
            raise ZeroDivisionError
        with pytest.raises(RequestRefused, match="404: there is no task with this id"):
            queue.using(user.connection).signal(str(uuid.uuid4()), "go")
        user.commit()
        assert len(sent(server, ref)) == 1


@pytest.mark.parametrize("driver", FOR_COROUTINES)
async def test_the_same_holds_for_coroutines(driver: str, server: Server) -> None:
    async with FOR_COROUTINES[driver](server.database) as user:
        queue = TaskQueue(server.url, uuid.uuid4().hex)
        ref = queue.task(tasks.noop).queue()
        assert ref.task_id is not None
        for end in (user.rollback, user.commit):
            await queue.using(user.connection).signal(ref.task_id, "go", [1])
            assert sent(server, ref) == []
            await end()
        assert sent(server, ref) == [("go", [1])]
