"""Workers and the database are killed again and again while a workflow of two hundred tasks runs.

Heartbeat 0.5 s, lease 3 s, sweep 0.5 s.
"""

import random
from contextlib import ExitStack

import anyio
import psycopg
import pytest

from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.requests.workflows import Member, NewWorkflow
from lapinq_core.workflows import reading, storing
from tests.integration.workflows.graph_model import ENDED, Graph, Node
from tests.support.database.invariants import check_invariants
from tests.support.database.outage import fragile_server
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.factories import Conn, new_task

pytestmark = pytest.mark.slow

TASKS = 200
KILLS = 8


def test_every_task_ends_once_as_its_parents_and_its_policy_say() -> None:
    chance = random.Random(38)
    nodes, failing = random_graph(chance)
    ids = dict(zip((node.ref for node in nodes), new_ids(TASKS, 8), strict=True))
    workflow_id = new_id()
    with fragile_server() as server, ExitStack() as running:
        anyio.run(store, server.url, workflow_id, [member(node, ids, failing) for node in nodes])
        workers = [running.enter_context(worker(server.url)) for _ in range(2)]
        for kill in range(KILLS):
            goal = TASKS * (kill + 1) // (KILLS + 2)
            eventually(lambda goal=goal: left(server.url) <= TASKS - goal, 90, 0.02)
            if kill == KILLS // 2:
                server.crash()
                server.start()
            else:
                victim = workers.pop(0)
                victim.kill()
                workers.append(running.enter_context(worker(server.url)))
        eventually(lambda: left(server.url) == 0, 120, 0.1)
        check_invariants(server.url, ids.values())
        found = anyio.run(outcomes, server.url, workflow_id)
    assert found == expected(nodes, failing)


def random_graph(chance: random.Random) -> tuple[list[Node], set[str]]:
    """Each task waits for up to three of the twenty before it; one in ten fails."""
    nodes: list[Node] = []
    for number in range(TASKS):
        near = [node.ref for node in nodes[-20:]]
        parents = chance.sample(near, min(len(near), chance.choice([0, 1, 1, 2, 3])))
        nodes.append(Node(f"t{number}", sorted(parents), chance.choice(["cancel", "run", "run", "fail"])))
    return nodes, {node.ref for node in nodes if chance.random() < 0.1}


def member(node: Node, ids: dict[str, str], failing: set[str]) -> Member:
    """A task that sleeps survives the deaths of its workers; one that fails may start once."""
    task = (
        new_task(id=ids[node.ref], task_name="afail", args=["no"], max_retries=0)
        if node.ref in failing
        else new_task(id=ids[node.ref], task_name="asleep", args=[0.05], max_retries=50)
    )
    return Member(node.ref, task, node.parents, node.after_failure)


def expected(nodes: list[Node], failing: set[str]) -> dict[str, str]:
    graph = Graph(is_open=False)
    graph.add(nodes)
    while waiting := [node.ref for node in nodes if node.state == "pending"]:
        for ref in waiting:
            graph.end(ref, "failed" if ref in failing else "completed")
    assert all(node.state in ENDED for node in nodes)
    return {node.ref: node.state for node in nodes}


def worker(url: str) -> WorkerProcess:
    return WorkerProcess(url, "--concurrency", "8", env=QUICK_LEASE)


def left(url: str) -> int:
    """How many tasks have not ended; many while the database is away."""
    try:
        with psycopg.connect(url) as conn:
            row = conn.execute("SELECT pending FROM lapinq_workflows").fetchone()
            return TASKS if row is None else row[0]
    except psycopg.OperationalError:
        return TASKS


async def store(url: str, workflow_id: str, members: list[Member]) -> None:
    async with await Conn.open(url) as conn:
        await storing.store(conn, NewWorkflow(workflow_id, "chaos", members))


async def outcomes(url: str, workflow_id: str) -> dict[str, str]:
    async with await Conn.open(url) as conn:
        return {task.ref: task.status for task in await reading.tasks_of(conn, workflow_id)}
