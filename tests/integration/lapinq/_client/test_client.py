"""What a client sends, to a server and to the database itself, and what it makes of their answers."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from lapinq import Progress, TaskQueue, TaskRef
from lapinq.errors import RequestRefused, ResultTimeout
from lapinq.testing import Database, DatabaseWorker
from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.database.postgres import private_database
from tests.support.database.proxy import proxy
from tests.support.drivers.urls import plain_url
from tests.support.http.serving import serving
from tests.support.sample import tasks


class Server(NamedTuple):
    url: str
    database: str


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
    """What a client is given: the server's address, or the database's."""
    return server.url if request.param == "server" else plain_url(server.database)


@pytest.fixture
def queue(address: str) -> Iterator[TaskQueue]:
    with TaskQueue(address, "nobody works here", default_ttl_seconds=3600) as queue:
        yield queue


def test_what_is_refused_raises(queue: TaskQueue) -> None:
    add: Any = queue.task(tasks.add)
    with pytest.raises(RequestRefused, match="NUL") as raised:
        add.queue(1, "\0")
    assert raised.value.status_code == 400
    assert raised.value.details == [{"loc": "args[1]", "msg": "must not contain the character NUL"}]
    assert bool(raised.value.request_id) == queue.server_url.startswith("http://")
    with pytest.raises(RequestRefused, match=r"the batch was not enqueued: 400: .*priority"):
        queue.batch_enqueue([add.entry(1, 1), {**add.entry(1, 1), "priority": "high"}])
    unknown = TaskRef(str(uuid.UUID(int=7)), queue.server_url)
    assert unknown.status() is unknown.progress() is None
    with pytest.raises(RequestRefused, match="404"):
        unknown.wait()


@pytest.mark.parametrize("kind", ["server", "database"])
def test_an_enqueue_whose_answer_is_lost_is_repeated_and_stored_once(kind: str, server: Server) -> None:
    address = urlsplit(server.url)
    place = f"host={address.hostname} port={address.port}" if kind == "server" else server.database
    name = f"cut {uuid.uuid4()}"
    with proxy(place) as wire:
        port = conninfo_to_dict(wire.url)["port"]
        way = f"http://127.0.0.1:{port}" if kind == "server" else plain_url(wire.url)
        with TaskQueue(way, name) as queue:
            add = queue.task(tasks.add)
            wire.cut_after(b"module_path")
            single = add.queue(1, 2)
            wire.cut_after(b"module_path")
            batch = queue.batch_enqueue([add.entry(3, 4), add.entry(5, 6)])
            assert wire.cuts == 2
    listed = httpx.get(f"{server.url}/api/v1/tasks", params={"queue": name}).json()
    assert [task["id"] for task in listed] == [*reversed(batch.task_ids), single.task_id]


def test_options_and_rich_values_arrive_as_they_were_given(queue: TaskQueue, server: Server) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)
    given: dict[str, Any] = {
        "queue_name": "elsewhere",
        "max_retries": 0,
        "priority": -7,
        "ttl_seconds": 86400,
        "metadata": {"order": 12},
        "retry_delay": 2.5,
        "retry_backoff": False,
        "webhook_url": "https://example.org/done",
    }
    task: Any = queue.task(tasks.add).options(scheduled_at=when, **given)
    ref = task.queue({"when": datetime(2026, 1, 1, tzinfo=UTC)}, b=Decimal("1.10"))
    details = details_of(server, ref)
    assert datetime.fromisoformat(details["scheduled_at"]) == when
    wanted = {
        **given,
        "task_name": "add",
        "module_path": tasks.__name__,
        "args": [{"when": "2026-01-01T00:00:00Z"}],
        "kwargs": {"b": "1.10"},
        "status": "pending",
        "request_id": ref.response.headers.get("x-request-id"),  # the database gives none
    }
    assert {name: details[name] for name in wanted} == wanted


def test_options_left_out_are_the_queues_and_the_servers(queue: TaskQueue, server: Server) -> None:
    add = queue.task(tasks.add)
    wanted = {
        "queue_name": "nobody works here",
        "ttl_seconds": 3600,
        "max_retries": 3,
        "priority": 0,
        "retry_backoff": True,
        "webhook_url": None,
    }
    entry = {"task_name": "add", "module_path": tasks.__name__, "args": [1, 2]}
    for ref in (add.queue(1, 2), queue.batch_enqueue([entry])[0]):
        details = details_of(server, ref)
        assert {name: details[name] for name in wanted} == wanted


def test_progress_is_that_of_the_last_attempt(address: str, server: Server) -> None:
    with TaskQueue(address, f"progress {uuid.uuid4()}") as queue:
        ref = queue.task(tasks.make_progress).queue(2)
        assert ref.progress() == asyncio.run(ref.aprogress()) == Progress("pending")
        DatabaseWorker(Database(server.database), worker_queues=(queue.queue_name,)).drain()
        assert ref.progress() == Progress("completed", 50)


def test_waiting_for_a_task_that_is_not_due_ends_in_time_and_says_why(queue: TaskQueue) -> None:
    later = queue.task(scheduled_at=datetime.now(UTC) + timedelta(hours=1))(tasks.add)
    with pytest.raises(ResultTimeout, match="last seen as pending"):
        later.queue(1, 2).wait(timeout=0.1)
    with pytest.raises(ResultTimeout, match=r"pending\)\. It is scheduled for 2.* UTC\.$"):
        asyncio.run(later.queue(1, 2).awaitait(timeout=1))


def details_of(server: Server, ref: TaskRef) -> dict[str, Any]:
    response = httpx.get(f"{server.url}/api/v1/tasks/{ref.task_id}")
    assert response.status_code == 200, response.text
    return response.json()
