"""What a client does with workflows, over a server and in the database itself."""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lapinq import TaskQueue, WorkflowRef
from lapinq._client import workflows
from lapinq._client.database import workflow_calls
from lapinq.errors import RequestRefused
from lapinq.testing import Database, DatabaseWorker
from lapinq_api.app import build_app
from lapinq_api.routes.workflows import reading as route
from lapinq_core.runtime.settings import Settings
from lapinq_core.workflows import reading
from tests.integration.lapinq._client.test_client import Server
from tests.support.database.postgres import private_database
from tests.support.database.proxy import proxy
from tests.support.drivers.urls import plain_url
from tests.support.http.serving import serving
from tests.support.rows.named_limits import add_limit
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
def queue(request: pytest.FixtureRequest, server: Server) -> Iterator[TaskQueue]:
    address = server.url if request.param == "server" else plain_url(server.database)
    with TaskQueue(address, uuid.uuid4().hex) as queue:
        yield queue


def run(server: Server, queue: TaskQueue, **settings: Any) -> None:
    DatabaseWorker(Database(server.database), worker_queues=(queue.queue_name,), **settings).drain()


def stored(server: Server, queue: TaskQueue) -> int:
    with psycopg.connect(server.database) as conn:
        rows = conn.execute("SELECT FROM lapinq_tasks WHERE queue_name = %s", (queue.queue_name,))
        return len(rows.fetchall())


def test_a_graph_runs_and_can_be_looked_at(queue: TaskQueue, server: Server) -> None:
    add, noop = queue.task(tasks.add), queue.task(tasks.noop)
    with queue.workflow("sums", metadata={"day": "Monday"}) as flow:
        first, second = flow.add(add, 1, 2), flow.add(add, 3, b=4)
        total = flow.add(add.options(ref="total"), first, b=second)
        flow.add(noop.options(after=[total], after_failure="run"))
    ref = flow.ref
    assert (ref.status(), total.ref.status()) == ("running", "pending")
    run(server, queue)
    assert total.ref.result(5) == 10
    ended = ref.wait()
    assert (ended["status"], ended["counts"]["completed"], "tasks" in ended) == ("completed", 4, False)
    found = ref.get()
    assert found is not None
    assert (found["id"], found["name"], found["metadata"]) == (flow.id, "sums", {"day": "Monday"})
    shown = [(task["id"], task["ref"], task["status"]) for task in found["tasks"]]
    assert shown == [
        (first.ref.task_id, "add", "completed"),
        (second.ref.task_id, "add-2", "completed"),
        (total.ref.task_id, "total", "completed"),
        (found["tasks"][3]["id"], "noop", "completed"),
    ]
    assert sorted((edge["parent"], edge["child"]) for edge in found["edges"]) == [
        ("add", "total"),
        ("add-2", "total"),
        ("total", "noop"),
    ]


def test_a_failed_one_is_retried_and_an_unfinished_one_cancelled(queue: TaskQueue, server: Server) -> None:
    fail, noop = queue.task(max_retries=0)(tasks.fail), queue.task(tasks.noop)
    with queue.workflow("broken") as flow:
        failed = flow.add(fail, "no")
        after = flow.add(noop.options(after=[failed]))
    run(server, queue)
    assert (flow.ref.wait()["status"], after.ref.status()) == ("failed", "cancelled")
    flow.ref.retry()
    assert (flow.ref.status(), failed.ref.status(), after.ref.status()) == ("running", "pending", "pending")
    assert flow.ref.cancel()
    assert (flow.ref.wait()["status"], after.ref.status()) == ("cancelled", "cancelled")
    with pytest.raises(RequestRefused, match="was not retried: 409: the workflow was cancelled"):
        flow.ref.retry()
    unknown = WorkflowRef(str(uuid.uuid4()), queue=queue)
    assert (unknown.get(), unknown.status(), unknown.cancel()) == (None, None, False)
    with pytest.raises(RequestRefused, match="404: there is no workflow with this id"):
        unknown.retry()


def test_one_larger_than_a_request_is_stored_in_parts(
    queue: TaskQueue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows, "MAX_TASKS", 2)
    add = queue.task(tasks.add)
    with queue.workflow("large") as flow:
        node: Any = flow.add(add, 0, 1)
        for _ in range(6):
            node = flow.add(add, node, 1)
    run(server, queue)
    assert (node.ref.result(5), flow.ref.wait()["status"]) == (7, "completed")
    monkeypatch.setattr(workflow_calls, "MAX_TASKS", 3)
    monkeypatch.setattr(route, "MAX_TASKS", 3)
    found = flow.ref.get()
    assert found is not None
    refs = ["add", *(f"add-{number}" for number in range(2, 8))]
    assert [task["ref"] for task in found["tasks"]] == refs
    edges = [(edge["parent"], edge["child"]) for edge in found["edges"]]
    assert edges == list(itertools.pairwise(refs))


def test_one_that_is_refused_leaves_nothing(
    queue: TaskQueue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, noop = queue.task(tasks.add), queue.task(tasks.noop)
    limited, keyed = noop.options(limits={"nothing": 1}), noop.options(unique="the key")
    held = keyed.queue().task_id
    for refused, message in (
        (limited, r"400: tasks\[1\]\.limits\.nothing is not a limit that exists"),
        (keyed, rf"409: the task {held} has"),
        (noop.options(ttl_seconds=0), r"400: tasks\[1\]\.ttl_seconds must not be 0"),
    ):
        told = pytest.raises(RequestRefused, match=f"the workflow was not enqueued: {message}")
        with told, queue.workflow("refused") as flow:
            flow.add(refused.options(after=[flow.add(add, 1, 1)]))
        assert stored(server, queue) == 1


@pytest.mark.parametrize("kind", ["server", "database"])
def test_one_whose_answer_is_lost_is_repeated_and_stored_once(
    kind: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_TASKS", 1)  # tasks that are read at a time
    address = urlsplit(server.url)
    place = f"host={address.hostname} port={address.port}" if kind == "server" else server.database
    with proxy(place) as wire:
        port = conninfo_to_dict(wire.url)["port"]
        way = f"http://127.0.0.1:{port}" if kind == "server" else plain_url(wire.url)
        with TaskQueue(way, uuid.uuid4().hex) as queue:
            add = queue.task(tasks.add)
            wire.cut_after(b"module_path")
            with queue.workflow("once") as flow:
                node = flow.add(add, flow.add(add, 1, 2), 3)
            assert wire.cuts == 1
            assert stored(server, queue) == 2
            assert node.ref.status() == "pending"
            assert flow.ref.status() == "running"
            wire.cut_after(b"module_path")
            assert add.__lapinq_add__(flow.id, 1, 2).status() == "pending"
            assert (wire.cuts, stored(server, queue)) == (2, 3)


def test_limits_of_all_its_tasks_apply(queue: TaskQueue, server: Server) -> None:
    with psycopg.connect(server.database) as conn:
        add_limit(conn, queue.queue_name, burst=5)
        conn.commit()
    noop = queue.task(limits={queue.queue_name: 2})(tasks.noop)
    with queue.workflow("limited") as flow:
        flow.add(noop)
    assert flow.ref.status() == "running"


@pytest.mark.parametrize("pool", ["processes", "threads"])
def test_a_task_adds_others_to_its_workflow(pool: str, queue: TaskQueue, server: Server) -> None:
    grow, agrow, current = queue.task(tasks.grow), queue.task(tasks.agrow), queue.task(tasks.has_workflow)
    with queue.workflow("grows") as flow:
        grown = [flow.add(grow, queue.server_url, 2), flow.add(agrow, queue.server_url, 3)]
    outside = current.queue()
    run(server, queue, worker_pool=pool)
    ended = flow.ref.wait()
    assert (ended["status"], ended["counts"]["completed"]) == ("completed", 7)
    assert [node.ref.result() for node in grown] == [flow.id] * 2
    assert outside.result() is False
    found = flow.ref.get()
    assert found is not None
    refs = {task["ref"] for task in found["tasks"]}
    assert {"grow", "agrow", "more 0", "more 1"} < refs
    assert sum(ref.startswith("add-") for ref in refs) == 3
