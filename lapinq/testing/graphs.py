"""Workflows of tasks in memory: which task may start when others have ended, and how the graph stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq_core.domain.tasks.references import ParentOutcome
from lapinq_core.domain.tasks.state import FINAL, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lapinq.testing.enqueued import EnqueuedTask
    from lapinq_core.domain.requests.workflows import Member, NewWorkflow


class Node:
    """A task in a graph."""

    def __init__(self, member: Member, task: EnqueuedTask, parents: list[Node]) -> None:
        self.ref = member.ref
        self.after_failure = member.after_failure
        self.task = task
        self.parents = parents
        self.is_free = not parents

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for a parent."""
        return self.task.status is Status.PENDING and not self.is_free

    @property
    def cause(self) -> Node | None:
        """The first parent because of which it does not run."""
        if self.after_failure == "run":
            return None
        ended = (one for one in self.parents if one.task.status in FINAL)
        return next((one for one in ended if one.task.status is not Status.COMPLETED), None)

    def outcome(self) -> ParentOutcome:
        task = self.task
        result = msgspec.Raw(b"null" if task.result is None else task.result.encode())
        return ParentOutcome(task.status, result, task.error)


class Graph:
    """A workflow. Its tasks tell how they have ended."""

    def __init__(self, workflow: NewWorkflow) -> None:
        self.workflow = workflow
        self.is_cancelled = False
        self._created_at = datetime.now(UTC)
        self._nodes: dict[str, Node] = {}  # by ref
        self._by_task: dict[str, Node] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def add(self, members: Iterable[Member], tasks: Sequence[EnqueuedTask]) -> None:
        """Parents come first, or are there."""
        for member, task in zip(members, tasks, strict=True):
            node = Node(member, task, [self._nodes[ref] for ref in member.after])
            self._nodes[member.ref] = self._by_task[task.id] = node

    @property
    def ids(self) -> dict[str, str]:
        """Of its tasks, by ref."""
        return {node.ref: node.task.id for node in self}

    def node_of(self, task_id: str) -> Node:
        return self._by_task[task_id]

    def advance(self) -> list[EnqueuedTask]:
        """Ends the blocked tasks that do not run because of a parent. Returns those that are blocked no longer."""
        freed: list[EnqueuedTask] = []
        for node in self:
            if not node.is_blocked:
                continue
            if (cause := node.cause) is not None:
                node.task.status = Status.FAILED if node.after_failure == "fail" else Status.CANCELLED
                node.task.error = f"its parent {cause.ref} {_was(cause.task.status)}"
            elif all(one.task.status in FINAL for one in node.parents):
                node.is_free = True
                freed.append(node.task)
        return freed

    def cancel(self) -> int:
        """Returns how many tasks."""
        pending = [node.task for node in self if node.task.status is Status.PENDING]
        self.is_cancelled = self.is_cancelled or any(node.task.status not in FINAL for node in self)
        for task in pending:
            task.status = Status.CANCELLED
        return len(pending)

    @property
    def status(self) -> str:
        """As the API has it."""
        if any(node.task.status not in FINAL for node in self):
            return "running"
        if self.is_cancelled:
            return "cancelled"
        handled = {id(parent) for node in self if node.after_failure == "run" for parent in node.parents}
        bad = (Status.FAILED, Status.EXPIRED)
        failed = any(node.task.status in bad and id(node) not in handled for node in self)
        return "failed" if failed else "completed"

    def shown(self, *, with_tasks: bool) -> dict[str, Any]:
        """As the API has it."""
        counts = {status.value: sum(node.task.status is status for node in self) for status in Status}
        shown: dict[str, Any] = {
            "id": self.workflow.id,
            "name": self.workflow.name,
            "status": self.status,
            "metadata": self.workflow.metadata,
            "open": False,
            "round": 1,
            "created_at": self._created_at,
            "ended_at": None if self.status == "running" else datetime.now(UTC),
            "counts": {**counts, "deleted": 0},
        }
        if with_tasks:
            shown["tasks"] = [_shown(node) for node in self]
            shown["edges"] = [{"parent": one.ref, "child": node.ref} for node in self for one in node.parents]
        return shown


def _shown(node: Node) -> dict[str, Any]:
    cause = node.cause
    return {
        "id": node.task.id,
        "ref": node.ref,
        "status": "blocked" if node.is_blocked else node.task.status,
        "task_name": node.task.task_name,
        "queue_name": node.task.queue_name,
        "after_failure": node.after_failure,
        "cause": None if cause is None else cause.ref,
    }


def _was(status: Status) -> str:
    return f"was {status}" if status is Status.CANCELLED else status.value
