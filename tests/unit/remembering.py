"""Attempts of a durable task without a worker: they remember what it stored."""

from typing import Any

import msgspec

from lapinq_core.domain.tasks.durable.calls import Calls
from lapinq_core.domain.tasks.durable.messages import (
    Answer,
    Enqueued,
    Fetch,
    Link,
    Linked,
    Load,
    Loaded,
    Request,
    Row,
    Spawn,
    Store,
    Stored,
    Text,
    Wait,
)


class Task:
    """`asked` is every request. Each wait is answered as `waits` says, by its name, and goes on otherwise.
    `refuses` is the status of the answer to the next that spawns."""

    def __init__(self, *, is_coroutine: bool = False, max_payload_size: int = 1000) -> None:
        self.is_coroutine = is_coroutine
        self.max_payload_size = max_payload_size
        self.rows: dict[tuple[str, int], Row] = {}
        self.asked: list[Request] = []
        self.waits: dict[str, Row] = {}
        self.leaves_out = False
        self.refuses: int | None = None

    @property
    def names(self) -> list[str]:
        """The names of the stored steps and waits."""
        return [name for name, _ in self.rows]

    def attempt(self, version: str | None = None) -> "Attempt":
        """The next one."""
        return Attempt(self, version)


class Attempt:
    """An attempt of that task."""

    def __init__(self, task: Task, version: str | None) -> None:
        self.id = "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"
        self.version = version
        self.is_coroutine = task.is_coroutine
        self.max_payload_size = task.max_payload_size
        self.durable = Calls(self)
        self.log: list[str] = []
        self._task = task

    def write_log(self, line: str) -> None:
        self.log.append(line)

    async def aask(self, request: Request) -> Answer:
        return self.ask(request)

    def ask(self, request: Request) -> Answer:
        task = self._task
        task.asked.append(request)
        match request:
            case Load():
                rows = list(task.rows.values())
                if task.leaves_out:
                    rows = [msgspec.structs.replace(row, result=None) for row in rows]
                return Loaded(rows, "1" if rows else None)
            case Fetch():
                return Text(task.rows[request.name, request.occurrence].result or "")
            case Store():
                self._keep(request, request.kind, request.result)
                return Stored()
            case Spawn():
                if task.refuses is not None:
                    return Enqueued(task.refuses, '{"error":"no"}')
                task_id = f"id {len(task.rows)}"
                self._keep(request, "spawn", f'"{task_id}"')
                return Enqueued(201, msgspec.json.encode({"task_id": task_id}).decode())
            case Link():
                return Linked(f"https://lapinq.example/{request.name}")
            case Wait():
                ended = task.waits.get(request.name)
                return ended or Row(request.name, request.occurrence, request.kind, None)

    def _keep(self, one: Any, kind: Any, result: str) -> None:
        row = Row(one.name, one.occurrence, kind, "completed", result, len(result))
        self._task.rows[one.name, one.occurrence] = row
