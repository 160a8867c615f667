"""Random histories of workflows, checked against a small model after each step."""

import random
from typing import TYPE_CHECKING

import pytest

from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.requests.workflows import Member, NewWorkflow
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.worker_verbs import Ended, ended_as
from lapinq_core.upkeep import maintenance_jobs
from lapinq_core.workflows import changing, reading, storing
from tests.integration.workflows.graph_model import ENDED, Graph, Node
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, new_task
from tests.support.rows.walks import one_step
from tests.support.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lapinq_core.domain.tasks.claim import Claim

STEPS = 40


class History:
    """One history of one workflow: its graph, and what its tasks do."""

    def __init__(self, conns: list[Conn], seed: int) -> None:
        self.conn, self.other = conns
        self.rand = random.Random(seed)
        self.graph = Graph(is_open=self.rand.random() < 0.3)
        self.id = new_id()
        self.ids: dict[str, str] = {}
        self.claims: dict[str, Claim] = {}
        self.worker = ""
        self.told: list[str] = []

    async def run(self) -> None:
        self.worker = await add_worker(self.conn, concurrency=10_000)
        nodes = self.new_nodes(self.rand.randint(0, 12))
        await storing.store(
            self.conn, NewWorkflow(self.id, "w", self.members(nodes), is_open=self.graph.is_open)
        )
        self.graph.add(nodes)
        ways: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (20, self.claim_some),
            (15, self.complete_some),
            (5, self.complete_in_two_transactions),
            (10, self.fail_one),
            (4, self.wait_for_retry),
            (3, self.cancel_one),
            (2, self.delete_one),
            (2, self.expire_one),
            (4, self.requeue_one),
            (3, self.run_now),
            (4, self.add_some),
            (1, self.close),
            (1, self.cancel),
            (4, self.retry),
        ]
        await self.check()
        for _ in range(STEPS):
            [(_, way)] = self.rand.choices(ways, [weight for weight, _ in ways])
            self.told.append(way.__name__)
            await way()
            await self.check()

    # --- what happens ---

    async def claim_some(self) -> None:
        for held in await claim(self.conn, self.worker, self.rand.randint(1, 4)):
            self.claims[self.ref_of(held.id)] = held
            self.graph.nodes[self.ref_of(held.id)].state = "running"

    async def complete_some(self) -> None:
        refs = self.some_of([*self.claims])
        assert await complete(self.conn, [self.claims.pop(ref) for ref in refs]) == len(refs)
        for ref in refs:
            self.graph.nodes[ref].state = "completed"
        self.graph.settle()

    async def complete_in_two_transactions(self) -> None:
        """The first is open until the second has committed."""
        if len(self.claims) < 2:
            return
        first, second = self.rand.sample([*self.claims], 2)
        async with self.other.transaction():
            await complete(self.other, [self.claims.pop(first)])
            await complete(self.conn, [self.claims.pop(second)])
        self.graph.end(second, "completed")
        self.graph.end(first, "completed")

    async def fail_one(self) -> None:
        if ref := self.one_of([*self.claims]):
            await worker_verbs.settle(self.conn, [self.ended(ref, Fail("no"))])
            self.graph.end(ref, "cancelled" if self.graph.nodes[ref].is_to_stop else "failed")

    async def wait_for_retry(self) -> None:
        if ref := self.one_of([*self.claims]):
            outcome = Retry(0, "later") if self.rand.random() < 0.5 else Retry(3600, "later")
            await worker_verbs.settle(self.conn, [self.ended(ref, outcome)])
            if self.graph.nodes[ref].is_to_stop:
                self.graph.end(ref, "cancelled")
            else:
                self.graph.nodes[ref].state = "pending"

    async def cancel_one(self) -> None:
        if ref := self.one_in("blocked", "pending"):
            assert await actions.cancel(self.conn, self.ids[ref])
            self.graph.end(ref, "cancelled")

    async def delete_one(self) -> None:
        if ref := self.one_in("blocked", "pending", *ENDED - {"deleted"}):
            task_id = self.ids[ref]
            await one_step(self.conn, bulk.delete_tasks, first=task_id, last=task_id)
            self.graph.nodes[ref].is_gone = True
            if self.graph.nodes[ref].state not in ENDED:
                self.graph.end(ref, "deleted")

    async def expire_one(self) -> None:
        if ref := self.one_in("blocked", "pending"):
            for table in ("lapinq_ready", "lapinq_delayed"):
                await self.conn.execute(
                    f"UPDATE {table} SET expires_at = lapinq_now() WHERE id = %s", (self.ids[ref],)
                )
            assert await maintenance_jobs.expire(self.conn) == 1
            self.graph.end(ref, "expired")

    async def requeue_one(self) -> None:
        tasks = await reading.tasks_of(self.conn, self.id)
        failed = [
            task.ref
            for task in tasks
            if task.status == "failed" and task.cause is None and not self.graph.nodes[task.ref].is_gone
        ]
        if ref := self.one_of(failed):
            async with self.conn.transaction():
                assert await actions.requeue(self.conn, self.ids[ref], by="lisa")
            self.graph.nodes[ref].state, self.graph.nodes[ref].cause = "pending", None

    async def run_now(self) -> None:
        """Of a blocked task it is refused."""
        if ref := self.one_in("blocked", "pending"):
            ran = await actions.run_now(self.conn, self.ids[ref])
            assert ran is None or self.graph.nodes[ref].state == "pending"

    async def add_some(self) -> None:
        nodes = self.new_nodes(self.rand.randint(1, 3))
        try:
            async with self.conn.transaction():
                await storing.add(self.conn, self.id, self.members(nodes))
        except storing.WorkflowEnded:
            assert self.graph.status != "running" or self.graph.is_cancelled
        else:
            self.graph.add(nodes)

    async def close(self) -> None:
        async with self.conn.transaction():
            await changing.close(self.conn, self.id)
        self.graph.is_open = False

    async def cancel(self) -> None:
        """What runs completes all the same."""
        await changing.cancel(self.conn, self.id)
        self.graph.cancel()

    async def retry(self) -> None:
        tasks = await reading.tasks_of(self.conn, self.id)
        try:
            async with self.conn.transaction():
                retried = await changing.retry(self.conn, self.id, by="lisa")
        except changing.WorkflowCancelled:
            assert self.graph.is_cancelled
        except changing.WorkflowBusy:
            assert self.in_state("running")
        except changing.NothingToRetry:
            assert not self.graph.retry({task.ref: task.cause for task in tasks})
        else:
            assert len(self.graph.retry({task.ref: task.cause for task in tasks})) == retried.tasks

    # --- what must hold ---

    async def check(self) -> None:
        found = {task.ref: task.status for task in await reading.tasks_of(self.conn, self.id)}
        assert found == {ref: node.state for ref, node in self.graph.nodes.items()}
        workflow = await reading.get_workflow(self.conn, self.id)
        assert workflow is not None
        assert workflow.status == self.graph.status
        assert (workflow.ended_at is None) == (self.graph.status == "running")
        await check_rows(self.conn, self.kept)

    # --- helpers ---

    def new_nodes(self, count: int) -> list[Node]:
        nodes: list[Node] = []
        for task_id in new_ids(count, 8):
            known = [*self.graph.nodes, *(node.ref for node in nodes)]
            ref = f"t{len(known)}"
            parents = self.rand.sample(known, min(len(known), self.rand.choice([0, 1, 1, 2, 3, 8])))
            nodes.append(Node(ref, sorted(parents), self.rand.choice(["cancel", "cancel", "run", "fail"])))
            self.ids[ref] = task_id
        return nodes

    def members(self, nodes: list[Node]) -> list[Member]:
        return [
            Member(node.ref, new_task(id=self.ids[node.ref]), node.parents, node.after_failure)
            for node in nodes
        ]

    def ended(self, ref: str, outcome: Fail | Retry) -> Ended:
        held = self.claims.pop(ref)
        return ended_as(held.id, held.token, outcome, 0.1)

    def ref_of(self, task_id: str) -> str:
        return next(ref for ref, known in self.ids.items() if known == task_id)

    @property
    def kept(self) -> list[str]:
        return [self.ids[ref] for ref, node in self.graph.nodes.items() if not node.is_gone]

    def in_state(self, *states: str) -> list[str]:
        return [ref for ref, node in self.graph.nodes.items() if node.state in states]

    def one_in(self, *states: str) -> str | None:
        return self.one_of([ref for ref in self.in_state(*states) if not self.graph.nodes[ref].is_gone])

    def one_of(self, refs: list[str]) -> str | None:
        return self.rand.choice(refs) if refs else None

    def some_of(self, refs: list[str]) -> list[str]:
        return self.rand.sample(refs, self.rand.randint(0, len(refs)))


@pytest.mark.parametrize("seed", seeds(range(60), quick=range(4)))
async def test_a_random_history(connections: Connections, seed: int) -> None:
    history = History(await connections(2), seed)
    try:
        await history.run()
    except BaseException as error:
        error.add_note(f"seed {seed}: {' '.join(history.told)}")
        raise
