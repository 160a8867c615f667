"""A server is killed while it stores a workflow of a thousand tasks; then workers that run parents in it, and the
database, again and again.

Heartbeat 0.5 s, lease 3 s, sweep 0.5 s.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from lapinq_core.workflows import reading
from tests.integration.workflows.graph_model import ENDED, Graph, Node
from tests.support.database.invariants import check_invariants
from tests.support.database.outage import fragile_server
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, WorkerProcess
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.slow

TASKS = 1_000
KILLS = 10
STORES = 6
"""Of requests amid which a server is killed, each a bit later than the one before."""
REQUEST_SECONDS = 0.3
_RUNS_PARENT = """
SELECT w.pid
  FROM lapinq_running r
  JOIN lapinq_workers w ON w.id = r.worker_id
 WHERE r.id IN (SELECT parent_id FROM lapinq_workflow_edges)
   AND w.pid = ANY (%s)
 LIMIT 1
"""


def test_it_is_stored_once_and_every_task_ends_once_as_its_parents_and_its_policy_say() -> None:
    chance = random.Random(38)
    nodes, failing = random_graph(chance)
    tasks = [body_of(node, failing) for node in nodes]
    with fragile_server() as server, ExitStack() as running:
        task_ids = store_amid_kills(server.url, tasks, chance)
        workers = {one.pid: one for one in (running.enter_context(worker(server.url)) for _ in range(2))}
        for kill in range(KILLS):
            goal = TASKS * (kill + 1) // (KILLS + 2)
            eventually(lambda goal=goal: left(server.url) <= TASKS - goal, 90, 0.02)
            if kill % 4 == 3:
                server.crash()
                server.start()
            else:
                pid = eventually(lambda: one_that_runs_a_parent(server.url, [*workers]), 30, 0)
                assert pid is not None
                workers.pop(pid).kill()
                heir = running.enter_context(worker(server.url))
                workers[heir.pid] = heir
        eventually(lambda: left(server.url) == 0, 90, 0.1)
        check_invariants(server.url, task_ids)
        found = anyio.run(outcomes, server.url)
    assert found == expected(nodes, failing)


def store_amid_kills(url: str, tasks: list[dict[str, Any]], chance: random.Random) -> list[str]:
    """Sends the workflow several times, under another name each, and kills the server meanwhile. Then it is sent
    again to another server, with the same key. Returns the ids of the tasks of the last; nobody runs the others."""
    task_ids: dict[str, str] = {}
    with ApiProcess(url) as survivor, ThreadPoolExecutor(1) as client:
        for number in range(STORES):
            name = f"stored {number}"
            queue = "default" if number == STORES - 1 else "idle"
            body = {"name": name, "tasks": [{**task, "queue_name": queue} for task in tasks]}
            with ApiProcess(url) as doomed:
                address = doomed.url
                sent = client.submit(post, address, body)
                kill_at = time.monotonic() + REQUEST_SECONDS * (number + chance.random()) / STORES
                eventually(lambda kill_at=kill_at: time.monotonic() > kill_at, interval=0.001)
                doomed.kill()
                with suppress(httpx.TransportError):
                    sent.result()
            answer = post(survivor.url, body)
            assert answer.status_code == HTTPStatus.CREATED, answer.text
            task_ids = answer.json()["task_ids"]
            assert stored(url, name) == sorted(task_ids.values())
    return [*task_ids.values()]


def post(url: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"Idempotency-Key": body["name"]}
    return httpx.post(f"{url}/api/v1/workflows", json=body, headers=headers, timeout=30, trust_env=False)


def stored(url: str, name: str) -> list[str]:
    """The ids of the tasks of all workflows with this name."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT m.task_id::text FROM lapinq_workflows w JOIN lapinq_workflow_tasks m ON m.workflow_id = w.id"
            " WHERE w.name = %s ORDER BY 1",
            (name,),
        ).fetchall()
        assert conn.execute("SELECT count(*) FROM lapinq_workflows WHERE name = %s", (name,)).fetchone() == (
            1,
        )
    return [task_id for (task_id,) in rows]


def random_graph(chance: random.Random) -> tuple[list[Node], set[str]]:
    """Each task waits for up to three of the twenty before it; one in ten fails."""
    nodes: list[Node] = []
    for number in range(TASKS):
        near = [node.ref for node in nodes[-20:]]
        parents = chance.sample(near, min(len(near), chance.choice([0, 1, 1, 2, 3])))
        nodes.append(Node(f"t{number}", sorted(parents), chance.choice(["cancel", "run", "run", "fail"])))
    return nodes, {node.ref for node in nodes if chance.random() < 0.1}


def body_of(node: Node, failing: set[str]) -> dict[str, Any]:
    """A task that sleeps survives the deaths of its workers; one that fails may start once."""
    task: dict[str, Any] = (
        {"task_name": "afail", "args": ["no"], "max_retries": 0}
        if node.ref in failing
        else {"task_name": "asleep", "args": [0.05], "max_retries": 50}
    )
    place = {"ref": node.ref, "after": node.parents, "after_failure": node.after_failure}
    return {**task, **place, "module_path": "tests.support.sample.tasks"}


def expected(nodes: list[Node], failing: set[str]) -> dict[str, str]:
    graph = Graph(is_open=False)
    graph.add(nodes)
    while waiting := [node.ref for node in nodes if node.state == "pending"]:
        for ref in waiting:
            graph.end(ref, "failed" if ref in failing else "completed")
    assert all(node.state in ENDED for node in nodes)
    return {node.ref: node.state for node in nodes}


def worker(url: str) -> WorkerProcess:
    return WorkerProcess(url, "--concurrency", "8", "--queue", "default", env=QUICK_LEASE)


def one_that_runs_a_parent(url: str, pids: list[int]) -> int | None:
    """The pid of a worker."""
    with psycopg.connect(url) as conn:
        row = conn.execute(_RUNS_PARENT.encode(), (pids,)).fetchone()
    return None if row is None else row[0]


def left(url: str) -> int:
    """How many tasks have not ended; many while the database is away."""
    try:
        with psycopg.connect(url) as conn:
            row = conn.execute("SELECT pending FROM lapinq_workflows ORDER BY id DESC LIMIT 1").fetchone()
            return TASKS if row is None else row[0]
    except psycopg.OperationalError:
        return TASKS


async def outcomes(url: str) -> dict[str, str]:
    async with await Conn.open(url) as conn:
        [last] = await reading.list_workflows(conn, limit=1)
        return {task.ref: task.status for task in await reading.tasks_of(conn, last.id)}
