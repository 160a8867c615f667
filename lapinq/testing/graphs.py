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
    """A task in a graph. `cause` is the parent because of which it does not run."""

    def __init__(self, member: Member, task: EnqueuedTask, parents: list[Node]) -> None:
        self.ref = member.ref
        self.after_failure = member.after_failure
        self.task = task
        self.parents = parents
        self.children: list[Node] = []
        self.waits_for = 0
        self.cause: Node | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for a parent."""
        return self.task.status is Status.PENDING and self.waits_for > 0

    def outcome(self) -> ParentOutcome:
        task = self.task
        result = msgspec.Raw(b"null" if task.result is None else task.result.encode())
        return ParentOutcome(task.status, result, task.error)


class Graph:
    """A workflow. Its tasks tell how they have ended."""

    def __init__(self, workflow: NewWorkflow) -> None:
        self.workflow = workflow
        self.is_cancelled = False
        self.ids: dict[str, str] = {}
        """Of its tasks, by ref."""
        self._created_at = datetime.now(UTC)
        self._nodes: dict[str, Node] = {}  # by ref, each after its parents
        self._by_task: dict[str, Node] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def add(self, members: Iterable[Member], tasks: Sequence[EnqueuedTask]) -> None:
        """Parents come first, or are there."""
        for member, task in zip(members, tasks, strict=True):
            node = Node(member, task, [self._nodes[ref] for ref in member.after])
            self._nodes[member.ref] = self._by_task[task.id] = node
            self.ids[member.ref] = task.id
            node.waits_for = len(node.parents)
            for parent in node.parents:
                if parent.task.status in FINAL:
                    _tell(parent, node)
                else:
                    parent.children.append(node)

    def node_of(self, task_id: str) -> Node:
        return self._by_task[task_id]

    def advance(self, task: EnqueuedTask) -> list[EnqueuedTask]:
        """If `task` has ended, ends the blocked tasks that do not run because of it. Returns those that are blocked no
        longer."""
        freed: list[EnqueuedTask] = []
        ended = [self.node_of(task.id)] if task.status in FINAL else []
        while ended:
            node = ended.pop()
            children, node.children = node.children, []
            for child in children:
                _tell(node, child)
                if child.task.status in FINAL:
                    ended.append(child)
                elif not child.waits_for:
                    freed.append(child.task)
        return freed

    def pending_before(self, task: EnqueuedTask) -> list[EnqueuedTask]:
        """The tasks without whose end it does not run, parents first."""
        found: dict[str, EnqueuedTask] = {}
        unread = [self.node_of(task.id)]
        while unread:
            for parent in unread.pop().parents:
                if parent.task.status is Status.PENDING and parent.task.id not in found:
                    found[parent.task.id] = parent.task
                    unread.append(parent)
        return [found[one] for one in sorted(found)]  # ids ascend in the order in which tasks were stored

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


def _tell(parent: Node, child: Node) -> None:
    """`parent` has ended; `child` ends, too, if it does not run because of that."""
    child.waits_for -= 1
    status = parent.task.status
    if status is Status.COMPLETED or child.after_failure == "run" or child.task.status is not Status.PENDING:
        return
    child.cause = parent
    child.task.status = Status.FAILED if child.after_failure == "fail" else Status.CANCELLED
    is_beside = parent.task.queue_name == child.task.queue_name
    named = f"its parent {parent.ref}" if is_beside else "a parent in another queue"
    child.task.error = f"{named} {_was(status)}"


def _shown(node: Node) -> dict[str, Any]:
    return {
        "id": node.task.id,
        "ref": node.ref,
        "status": "blocked" if node.is_blocked else node.task.status,
        "task_name": node.task.task_name,
        "queue_name": node.task.queue_name,
        "after_failure": node.after_failure,
        "cause": None if node.cause is None else node.cause.ref,
    }


def _was(status: Status) -> str:
    return f"was {status}" if status is Status.CANCELLED else status.value
