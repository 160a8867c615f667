"""What must become of the tasks of a workflow, as a few rules over its graph."""

from collections.abc import Iterable

import msgspec

from lapinq_core.domain.requests.workflows import AfterFailure

BAD = {"failed", "cancelled", "expired", "deleted"}
ENDED = BAD | {"completed"}


class Node(msgspec.Struct):
    ref: str
    parents: list[str]
    after_failure: AfterFailure
    state: str = "blocked"
    cause: str | None = None
    is_gone: bool = False
    is_to_stop: bool = False


class Graph:
    """A workflow, open or not, and whether it was cancelled."""

    def __init__(self, *, is_open: bool) -> None:
        self.nodes: dict[str, Node] = {}
        self.is_open = is_open
        self.is_cancelled = False

    @property
    def status(self) -> str:
        if self.is_open or any(node.state not in ENDED for node in self.nodes.values()):
            return "running"
        if self.is_cancelled:
            return "cancelled"
        handled = {ref for node in self.nodes.values() if node.after_failure == "run" for ref in node.parents}
        bad = {node.ref for node in self.nodes.values() if node.state in {"failed", "expired"}}
        return "failed" if bad - handled else "completed"

    def add(self, nodes: Iterable[Node]) -> None:
        self.nodes |= {node.ref: node for node in nodes}
        self.settle()

    def settle(self) -> None:
        """Moves on whatever is blocked and need not be."""
        is_moving = True
        while is_moving:
            is_moving = False
            for node in self.nodes.values():
                if node.state != "blocked":
                    continue
                parents = [self.nodes[ref] for ref in node.parents]
                bad = [parent for parent in parents if parent.state in BAD]
                if bad and node.after_failure != "run":
                    node.state = "failed" if node.after_failure == "fail" else "cancelled"
                    node.cause = bad[0].ref
                elif all(parent.state in ENDED for parent in parents):
                    node.state = "pending"
                is_moving |= node.state != "blocked"

    def end(self, ref: str, state: str) -> None:
        self.nodes[ref].state = state
        self.settle()

    def cancel(self) -> None:
        if self.status == "running":
            self.is_cancelled = True
        self.is_open = False
        for node in self.nodes.values():
            if node.state in {"blocked", "pending"}:
                node.state = "cancelled"
            node.is_to_stop = node.state == "running"

    def _is_to_retry(self, node: Node, cause: str | None) -> bool:
        if cause is None:
            return node.state in {"failed", "expired"}
        return node.state in ENDED and self.nodes[cause].state not in BAD

    def retry(self, causes: dict[str, str | None]) -> list[str]:
        """`causes` as the database names them: of several bad parents it may be any."""
        again = {
            node.ref
            for node in self.nodes.values()
            if not node.is_gone and self._is_to_retry(node, causes[node.ref])
        }
        while True:
            more = {
                node.ref
                for node in self.nodes.values()
                if node.state in ENDED
                and not node.is_gone
                and node.ref not in again
                and (causes[node.ref] in again or (node.after_failure == "run" and again & {*node.parents}))
            }
            if not more:
                break
            again |= more
        for ref in again:
            self.nodes[ref].state, self.nodes[ref].cause = "blocked", None
        for node in self.nodes.values():
            if node.state == "pending" and again & {*node.parents}:
                node.state = "blocked"
        self.settle()
        return sorted(again)
