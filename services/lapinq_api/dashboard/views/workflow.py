"""One workflow: its state, its graph, and its tasks."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
import psycopg

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.task_page.payload import Payload, value_of
from lapinq_api.dashboard.parts.workflow_page.folding import Fold, FoldedGraph, folded
from lapinq_api.dashboard.parts.workflow_page.layout import Drawing, drawing_of
from lapinq_api.operations.filters.task_values import cursor_after, read_cursor
from lapinq_api.operations.task_path import read_id
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.requests.refusals import UNKNOWN_WORKFLOW
from lapinq_core.workflows import reading
from lapinq_core.workflows.reading import Node, NodeStatus, Workflow

MAX_DRAWN = 20_000
"""Tasks. Of a larger workflow the page shows only the table."""
MAX_EDGES = 100_000
PAGE = 100

_STATUSES: tuple[NodeStatus, ...] = get_args(NodeStatus)
_STATUS, _FOLD = "status", "fold"


class Graph(msgspec.Struct, frozen=True):
    """A graph with the place of each fold."""

    folded: FoldedGraph
    drawing: Drawing


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del readable
    query = address.query
    workflow_id = read_id("id", address.params["id"], "a workflow id")
    status = query.get(_STATUS)
    if status is not None and status not in _STATUSES:
        raise InvalidValue(_STATUS, f"must be one of {', '.join(_STATUSES)}")
    in_fold = read_id(_FOLD, query[_FOLD], "a task id") if _FOLD in query else None
    after = read_cursor(query.get(CURSOR))
    read = await state.database.scan(_read, workflow_id, after)
    if read is None:
        raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN_WORKFLOW)
    workflow, nodes, edges = read
    graph = None if edges is None else await asyncio.to_thread(_graph_of, nodes, edges)
    chosen = _fold_with(graph, in_fold)
    listed = nodes if chosen is None else chosen.nodes
    if graph is not None:
        listed = [
            node
            for node in listed
            if (status is None or node.status == status) and (after is None or node.id > after)
        ]
    shown = listed[:PAGE]
    return {
        "workflow": workflow,
        "metadata": Payload(None, {"metadata": value_of(_decoded(workflow.metadata))}),
        "queues": sorted({node.queue_name for node in nodes if node.queue_name is not None}) or [None],
        "graph": graph,
        "chosen": chosen,
        "tasks": shown,
        "tabs": [] if graph is None else _tabs(nodes if chosen is None else chosen.nodes, query),
        "shown_status": status,
        "whole": f"?{urlencode({_STATUS: status})}" if status else "?",
        "links": page_links(query, cursor_after(shown[-1].id) if len(listed) > PAGE else None),
    }


async def _read(
    conn: psycopg.AsyncConnection, workflow_id: str, after: str | None
) -> tuple[Workflow, list[Node], list[tuple[str, str]] | None] | None:
    """The workflow with all tasks and edges; of one too large to be drawn a page of tasks, and None."""
    async with snapshot(conn):
        workflow = await reading.get_workflow(conn, workflow_id)
        if workflow is None:
            return None
        if sum(workflow.counts.values()) <= MAX_DRAWN:
            edges = await reading.edges_of(conn, workflow_id, MAX_EDGES + 1)
            if len(edges) <= MAX_EDGES:
                return workflow, await reading.tasks_of(conn, workflow_id), edges
        return workflow, await reading.tasks_of(conn, workflow_id, after=after, limit=PAGE + 1), None


def _graph_of(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Graph:
    places = {node.id: place for place, node in enumerate(nodes)}
    found = folded(nodes, [(places[parent], places[child]) for parent, child in edges])
    return Graph(found, drawing_of([fold.layer for fold in found.folds], found.edges))


def _fold_with(graph: Graph | None, task_id: str | None) -> Fold | None:
    """The fold that holds the task."""
    if graph is None or task_id is None:
        return None
    return next((fold for fold in graph.folded.folds if any(node.id == task_id for node in fold.nodes)), None)


def _tabs(nodes: Sequence[Node], query: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """The statuses of `nodes`, how many have each, and the query of those."""
    kept = {_FOLD: query[_FOLD]} if _FOLD in query else {}
    counts = Counter(node.status for node in nodes)
    return [
        (status, counts[status], f"?{urlencode({**kept, _STATUS: status})}")
        for status in _STATUSES
        if counts[status]
    ]


def _decoded(metadata: str | None) -> Any:
    return None if metadata is None else msgspec.json.decode(metadata)


VIEW = View(
    path="/workflows/{id}",
    template="workflow.html",
    here="workflows",
    load=load,
    parts=("workflow-head", "workflow-graph", "workflow-tasks"),
    is_list=True,
    parameters=frozenset({_STATUS, _FOLD, CURSOR}),
)
