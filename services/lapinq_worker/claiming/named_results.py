"""Looks up the workflow of claimed tasks that belong to one, and the results that their arguments name
(`lapinq_core.domain.tasks.references`). Other tasks don't pass here.

A result is kept once, however many tasks name it, and copied into the arguments when a task starts. So that large ones
don't fill the memory, tasks that can't start yet wait here while the results in hand have `MAX_HELD_BYTES`.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple
from weakref import WeakValueDictionary

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.outcome import Unretryable
from lapinq_core.domain.tasks.references import ParentOutcome, references_in
from lapinq_core.runtime.threads import any_thread
from lapinq_core.workflows.parents import NamedParent, named_parents
from lapinq_core.workflows.reading import workflows_of
from lapinq_worker.running.clocks import elapsed

MAX_HELD_BYTES = 64 * 1024 * 1024
MAX_BYTES_OF_TASK = 256 * 1024 * 1024
"""For the results that the arguments of one task name."""
MAX_REFS = 10_000
"""In one look-up, unless those are of one task."""
_LARGE = 64 * 1024
"""A smaller result is read again rather than asked for by its version."""


class Found(NamedTuple):
    """Claims that have now what they name, others for which that is too large, and how long ago they were asked for."""

    claims: list[Claim]
    too_large: list[tuple[Claim, Unretryable]]
    round_trip: float


class _Waiting(NamedTuple):
    claim: Claim
    refs: list[str]  # each as often as the arguments name it
    worker: str  # that claimed it
    asked: float  # when the claim was sent


class _Named(NamedTuple):
    size: int
    outcome: ParentOutcome | None  # None: its result was left out


class NamedResults:
    """True while claims wait for their look-up. The inbox owns it."""

    def __init__(self, worker_id: Callable[[], str]) -> None:
        self._worker_id = worker_id
        self._waiting: dict[str, _Waiting] = {}  # by task
        self._held: WeakValueDictionary[str, ParentOutcome] = WeakValueDictionary()  # by version

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether tasks that can't start yet may have their results in hand."""
        return self._room > 0

    @any_thread
    def unstarted(self) -> list[Claim]:
        """The claims that wait."""
        return [one.claim for one in list(self._waiting.values())]

    def take_unstarted(self) -> list[Claim]:
        """Takes them out."""
        claims = self.unstarted()
        self._waiting = {}
        return claims

    def hold_back(self, claims: list[Claim], round_trip: float) -> list[Claim]:
        """Keeps those of workflows of claims that came after `round_trip` seconds; returns the others."""
        others: list[Claim] = []
        for claim in claims:
            if is_of_workflow(claim.id):
                refs, asked = references_in(claim.args, claim.kwargs), elapsed() - round_trip
                self._waiting[claim.id] = _Waiting(claim, refs, self._worker_id(), asked)
            else:
                others.append(claim)
        return others

    async def look_up(self, connection: PinnedConnection) -> Found:
        """For the one that waits longest, and for those after it as far as there is room."""
        asked = self._next()
        named, workflows = await self._read(connection, asked)
        self._next()
        found = Found([], [], max((elapsed() - one.asked for one in asked), default=0.0))
        for one, by_ref in zip(asked, named, strict=True):
            if self._waiting.get(one.claim.id) is not one:
                continue  # taken out meanwhile
            one.claim.workflow_id = workflows.get(one.claim.id)
            size = sum(by_ref[ref].size for ref in one.refs if ref in by_ref)
            if size > MAX_BYTES_OF_TASK:
                found.too_large.append((one.claim, _too_large(size)))
            elif all(parent.outcome is not None for parent in by_ref.values()):
                if one.refs:
                    one.claim.parents = {
                        ref: parent.outcome for ref, parent in by_ref.items() if parent.outcome is not None
                    }
                found.claims.append(one.claim)
            else:
                continue
            del self._waiting[one.claim.id]
        return found

    async def _read(
        self, connection: PinnedConnection, asked: Sequence[_Waiting]
    ) -> tuple[list[dict[str, _Named]], dict[str, str]]:
        """What the arguments of each task name, by ref, and the workflow of each, by its id."""
        named: list[dict[str, _Named]] = [{} for _ in asked]
        workflows: dict[str, str] = {}
        held = dict(self._held)  # keeps them meanwhile
        if any(one.refs for one in asked):
            parents = await named_parents(
                connection,
                [(one.claim.id, set(one.refs)) for one in asked],
                first_bytes=MAX_BYTES_OF_TASK,
                max_bytes=self._room,
                known=[version for version, outcome in held.items() if len(outcome.result) >= _LARGE],
            )
            for parent in parents:
                outcome = self._outcome(parent)
                for number in parent.numbers:
                    named[number][parent.ref] = _Named(parent.size, outcome)
                    workflows[asked[number].claim.id] = parent.workflow_id
        if others := [one.claim.id for one in asked if one.claim.id not in workflows]:
            workflows |= await workflows_of(connection, others)
        return named, workflows

    @property
    def _room(self) -> int:
        return MAX_HELD_BYTES - sum(len(outcome.result) for outcome in self._held.values())

    def _next(self) -> list[_Waiting]:
        """Those to look up next. Drops what was claimed before the worker was declared dead: others rescue it."""
        self._waiting = {task: one for task, one in self._waiting.items() if one.worker == self._worker_id()}
        count = refs = 0
        for one in self._waiting.values():
            refs += len(one.refs)
            if count and refs > MAX_REFS:
                break
            count += 1
        return list(islice(self._waiting.values(), count))

    def _outcome(self, parent: NamedParent) -> ParentOutcome | None:
        """None if its result was left out."""
        if parent.version is None or not parent.size:
            return parent.outcome
        known = self._held.get(parent.version)
        if known is None and parent.result is not None:
            known = self._held[parent.version] = parent.outcome
        return known


def _too_large(size: int) -> Unretryable:
    return Unretryable(
        f"the results that its arguments name have {size:,} bytes together, more than {MAX_BYTES_OF_TASK:,}"
    )
