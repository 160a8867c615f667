"""The steps, waits and signals of tasks in memory: answers what a worker answers from the database."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec

from lapinq._client.calling.calls import Enqueue
from lapinq._client.transaction.drivers import driver_of, is_async
from lapinq_core.domain.tasks.durable.messages import (
    Enqueued,
    Fetch,
    Link,
    Linked,
    Load,
    Loaded,
    Lost,
    Row,
    Spawn,
    Store,
    Stored,
    Text,
    Wait,
)
from lapinq_core.domain.tasks.state import Status
from lapinq_worker.running.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from lapinq._client.calling.answer import Answer as ClientAnswer
    from lapinq_core.domain.tasks.claim import Claim
    from lapinq_core.domain.tasks.durable.calls import Storing
    from lapinq_core.domain.tasks.durable.messages import Answer, Request
    from lapinq_worker.running.host import Host
    from lapinq_worker.running.job import Target


class Ending(NamedTuple):
    """How a task ended: its status, or `deleted`, and its result or error as JSON text."""

    status: str
    value: str | None = None


class AskingJob(Job):
    """An attempt whose steps and waits `answer` answers at once, wherever the function runs.

    A step in a transaction of the user's is kept at once, as not every driver tells whether that commits.
    """

    __slots__ = ("_answer", "_is_over")

    def __init__(self, claim: Claim, target: Target, host: Host, answer: Callable[[Request], Answer]) -> None:
        super().__init__(claim, target, host)
        self._answer = answer
        self._is_over = False

    def end(self) -> None:
        """What its function has left behind stores nothing from now on."""
        self._is_over = True
        if self.calls is not None:
            self.calls.end()

    def ask(self, request: Request) -> Answer:
        return Lost() if self._is_over else self._answer(request)

    async def aask(self, request: Request) -> Answer:
        return self.ask(request)

    def storing(self, connection: object) -> Storing:
        return _KeptAtOnce(self, connection)


class _KeptAtOnce:
    """In the place of a transaction of the user's."""

    def __init__(self, job: AskingJob, connection: object) -> None:
        """Raises TypeError if it is no connection of a known driver."""
        self.is_async = is_async(driver_of(connection))
        self._job = job

    def store(self, asked: Store) -> bool:
        return isinstance(self._job.ask(asked), Stored)

    async def astore(self, asked: Store) -> bool:
        return self.store(asked)


class _Kept:
    """What is stored of a step or wait. A wait that is not over by `due` has timed out."""

    def __init__(
        self,
        row: Row,
        request: Store | Spawn | Wait,
        now: datetime,
        attempt: int,
        due: datetime | None = None,
    ) -> None:
        self.row = row
        self.request = request
        self.attempt = attempt
        self.due = due
        self.ended_at = now if row.outcome else None
        self.started_at = now - timedelta(seconds=request.seconds) if isinstance(request, Store) else now

    def shown(self) -> dict[str, Any]:
        """As the API has it."""
        row, wait = self.row, self.request if isinstance(self.request, Wait) else None
        return {
            "name": row.name,
            "occurrence": row.occurrence,
            "kind": row.kind,
            "status": row.outcome or "waiting",
            "result": row.result,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "attempt": self.attempt,
            "due_at": self.due,
            "signals": wait.names if wait is not None and wait.kind == "signal" else None,
            "task_id": wait.child if wait is not None else None,
            "version": self.request.version,
        }


class Steps:
    """Of one task. `ending_of` says how another task ended, None if it hasn't. `enqueue` enqueues one."""

    def __init__(
        self, ending_of: Callable[[str], Ending | None], enqueue: Callable[[Enqueue], ClientAnswer]
    ) -> None:
        self._ending_of = ending_of
        self._enqueue = enqueue
        self._turn = threading.RLock()  # several threads of a function may ask
        self._kept: dict[tuple[str, int], _Kept] = {}
        self._sent: list[tuple[str, str]] = []
        self._waiting: list[_Kept] = []
        self._attempt = 1

    @property
    def rows(self) -> list[Row]:
        """In the order in which they began."""
        return [kept.row for kept in self._kept.values()]

    def shown(self) -> list[dict[str, Any]]:
        """As the API has them."""
        return [kept.shown() for kept in self._kept.values()]

    def has(self, name: str, occurrence: int) -> bool:
        return (name, occurrence) in self._kept

    @property
    def waiting(self) -> list[Wait]:
        """The waits of the last attempt that are not over."""
        return [kept.request for kept in self._open if isinstance(kept.request, Wait)]

    @property
    def due(self) -> datetime | None:
        """When the first of them is over by time, None for never."""
        return min((kept.due for kept in self._open if kept.due is not None), default=None)

    @property
    def _open(self) -> list[_Kept]:
        return [kept for kept in self._waiting if kept.row.outcome is None]

    @property
    def can_go_on(self) -> bool:
        """Whether something has come for which one of them waits."""
        return any(self._has_come(wait) for wait in self.waiting)

    def begin(self, attempt: int) -> None:
        self._attempt = attempt
        self._waiting.clear()

    def forget_waits(self) -> None:
        """Only an attempt that ends suspended waits on."""
        self._waiting.clear()

    def send(self, name: str, value: str) -> None:
        """Keeps a signal until a wait takes it. `value` is JSON text."""
        self._sent.append((name, value))

    def answer(self, request: Request, now: datetime) -> Answer:
        with self._turn:
            match request:
                case Load():
                    versions = (kept.request.version for kept in self._kept.values())
                    return Loaded(self.rows, next(versions, None))
                case Fetch(name=name, occurrence=occurrence):
                    return Text(self._kept[name, occurrence].row.result or "null")
                case Store(name=name, occurrence=occurrence, kind=kind, result=result):
                    row = Row(name, occurrence, kind, "completed", result)
                    self._keep(_Kept(row, request, now, self._attempt))
                    return Stored()
                case Spawn():
                    return self._spawn(request, now)
                case Wait():
                    return self._wait(request, now)
                case Link(name=name):
                    return Linked(f"http://lapinq.testing/{quote(name)}")  # leads nowhere

    def _keep(self, kept: _Kept) -> _Kept:
        """Returns what is there under its name."""
        return self._kept.setdefault((kept.row.name, kept.row.occurrence), kept)

    def _spawn(self, spawn: Spawn, now: datetime) -> Enqueued:
        answer = self._enqueue(Enqueue(msgspec.json.decode(spawn.request, type=dict[str, msgspec.Raw])))
        if answer.status_code == HTTPStatus.CREATED:
            task_id = msgspec.json.encode(msgspec.json.decode(answer.body)["task_id"]).decode()
            row = Row(spawn.name, spawn.occurrence, "spawn", "completed", task_id)
            self._keep(_Kept(row, spawn, now, self._attempt))
        return Enqueued(answer.status_code, answer.body.decode())

    def _wait(self, wait: Wait, now: datetime) -> Row:
        """As `lapinq_wait_1`."""
        due = None if wait.seconds is None else now + timedelta(seconds=wait.seconds)
        row = Row(wait.name, wait.occurrence, wait.kind, None)
        kept = self._keep(_Kept(row, wait, now, self._attempt, due))
        if kept.row.kind == wait.kind and kept.row.outcome is None:
            kept.row, kept.attempt = self._looked(kept, now), self._attempt
            kept.ended_at = now if kept.row.outcome else None
            if kept.row.outcome is None:
                self._waiting.append(kept)
        return kept.row

    def _looked(self, kept: _Kept, now: datetime) -> Row:
        """The row of a wait, over if it is."""
        wait = kept.request
        if isinstance(wait, Wait) and self._has_come(wait):
            if wait.kind == "signal":
                found = next(sent for sent in self._sent if sent[0] in wait.names)
                self._sent.remove(found)
                name, value = found
                return msgspec.structs.replace(kept.row, outcome="completed", result=value, taken=name)
            status, value = self._ending_of(wait.child or "") or Ending("deleted")
            outcome = "completed" if status == Status.COMPLETED else "failed"
            return msgspec.structs.replace(kept.row, outcome=outcome, result=value, taken=status)
        if kept.due is not None and kept.due <= now:
            outcome = "completed" if kept.row.kind == "sleep" else "timed_out"
            return msgspec.structs.replace(kept.row, outcome=outcome)
        return kept.row

    def _has_come(self, wait: Wait) -> bool:
        if wait.kind == "signal":
            return any(name in wait.names for name, _ in self._sent)
        return wait.child is not None and self._ending_of(wait.child) is not None
