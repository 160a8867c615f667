"""Reads workflows, their graphs, and the place of a task in one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)

MAX_EDGES = 200_000
"""Of one workflow, in one answer."""
MAX_TASKS = 100_000
"""As well."""
MAX_NEIGHBOURS = 100
"""Parents or children of a task that are named."""

WorkflowStatus = Literal["running", "completed", "failed", "cancelled"]
NodeStatus = Literal[
    "blocked", "pending", "running", "completed", "failed", "cancelled", "expired", "deleted"
]
"""Of a task in a workflow. A blocked one waits for its parents; all else say `pending` of it."""

_COUNTED = (*Status, "deleted")


class Workflow(msgspec.Struct, frozen=True):
    """A workflow. `counts` says how many of its tasks have each status. `is_cancelled`: it was, though some of its
    tasks may still run. `metadata` is JSON text."""

    id: str
    name: str
    status: WorkflowStatus
    metadata: str | None
    is_open: bool
    round: int
    created_at: datetime
    ended_at: datetime | None
    is_cancelled: bool
    counts: dict[str, int]

    @property
    def can_be_cancelled(self) -> bool:
        return self.ended_at is None and not self.is_cancelled

    @property
    def can_be_retried(self) -> bool:
        return bool(self.counts["failed"] or self.counts["expired"]) and not self.is_cancelled


class Node(msgspec.Struct, frozen=True):
    """A task in a graph. `task_name` and `queue_name` are None if it was deleted. `cause` is the ref of the parent
    because of which it was cancelled or failed."""

    id: str
    ref: str
    status: NodeStatus
    task_name: str | None
    queue_name: str | None
    after_failure: str
    cause: str | None


class Edge(msgspec.Struct, frozen=True):
    """The refs of a task and of one that comes after it."""

    parent: str
    child: str


class Neighbour(msgspec.Struct, frozen=True):
    """A parent or child of a task."""

    id: str
    ref: str
    status: NodeStatus


class Place(msgspec.Struct, frozen=True):
    """What workflow a task belongs to, and as what. `waits_for`: how many of its parents have not ended, if it is
    blocked. At most `MAX_NEIGHBOURS` parents and children, those that have not ended first."""

    workflow_id: str
    workflow_name: str
    ref: str
    round: int
    after_failure: str
    waits_for: int
    cause: str | None
    parents: list[Neighbour]
    children: list[Neighbour]


async def get_workflow(conn: psycopg.AsyncConnection, workflow_id: str) -> Workflow | None:
    """The workflow; None for an unknown id."""
    row = await maybe_row(conn, sql("get_workflow"), {"id": workflow_id}, prepare=True)
    return None if row is None else _workflow(row)


async def list_workflows(
    conn: psycopg.AsyncConnection,
    *,
    name: str | None = None,
    status: WorkflowStatus | None = None,
    before: str | None = None,
    limit: int,
) -> list[Workflow]:
    """The newest, those before the id `before`."""
    params = {"name": name, "status": status, "before": before, "limit": limit}
    return [_workflow(row) for row in await all_rows(conn, sql("list_workflows"), params, prepare=False)]


async def tasks_of(
    conn: psycopg.AsyncConnection, workflow_id: str, *, after: str | None = None, limit: int = MAX_TASKS
) -> list[Node]:
    """Its tasks in the order in which they were stored, those after the id `after`."""
    params = {"id": workflow_id, "after": after, "limit": limit}
    return [Node(*row) for row in await all_rows(conn, sql("tasks_of"), params, prepare=False)]


async def edges_of(
    conn: psycopg.AsyncConnection, workflow_id: str, limit: int = MAX_EDGES
) -> list[tuple[str, str]]:
    """The ids of each parent and child."""
    rows = await all_rows(conn, sql("edges"), {"id": workflow_id, "limit": limit}, prepare=False)
    return [(parent, child) for parent, child in rows]


async def graph_of(
    conn: psycopg.AsyncConnection, workflow_id: str, *, after: str | None = None, limit: int
) -> tuple[list[Node], list[Edge]]:
    """Its tasks as `tasks_of` returns them, and the edges that lead to these."""
    nodes = await tasks_of(conn, workflow_id, after=after, limit=limit)
    params = {"ids": [node.id for node in nodes]}
    return nodes, [Edge(*row) for row in await all_rows(conn, sql("edges_into"), params, prepare=False)]


async def queues_of_workflow(conn: psycopg.AsyncConnection, workflow_id: str) -> list[str] | None:
    """The queues of its tasks; None for an unknown id."""
    row = await maybe_row(conn, sql("queues_of_workflow"), {"id": workflow_id}, prepare=True)
    return None if row is None else row[0]


async def place_of(conn: psycopg.AsyncConnection, task_id: str) -> Place | None:
    """None for a task that belongs to no workflow."""
    row = await maybe_row(conn, sql("place_of"), {"id": task_id}, prepare=True)
    if row is None:
        return None
    params = {"id": task_id, "limit": MAX_NEIGHBOURS}
    parents: list[Neighbour] = []
    children: list[Neighbour] = []
    for is_parent, found_id, ref, status in await all_rows(conn, sql("neighbours"), params, prepare=True):
        (parents if is_parent else children).append(Neighbour(found_id, ref, status))
    return Place(*row, parents=parents, children=children)


async def workflows_of(conn: psycopg.AsyncConnection, task_ids: Sequence[str]) -> dict[str, str]:
    """The id of the workflow of each task that belongs to one."""
    return dict(await all_rows(conn, sql("workflows_of"), {"ids": list(task_ids)}, prepare=True))


def _workflow(row: tuple[Any, ...]) -> Workflow:
    head, counts = row[:9], row[9:]
    return Workflow(*head, counts=dict(zip(_COUNTED, counts, strict=True)))
