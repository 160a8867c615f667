"""Leads the calls of all queues to a test's database, as a server on it would answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import CancelTask, ReadResult, ReadStatus
from lapinq._client.transaction.transport import InTransaction
from lapinq_core.db.pool import connect
from lapinq_core.domain.tasks.state import FINAL
from lapinq_core.tasks import actions, inspect
from lapinq_worker.running.pools.inline import run_coroutine

if TYPE_CHECKING:
    import psycopg

    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings

_NAME = "lapinq test"


class ToDatabase:
    """A transport with a connection for each call."""

    def __init__(self, url: str) -> None:
        self._url = url

    def in_transaction(self, transport: object) -> None:
        """The connection itself stores the tasks."""

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return run_coroutine(self.asend(call, server, timeout))

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        async with await connect(self._url, _NAME) as conn:
            if isinstance(call, ReadStatus | ReadResult | CancelTask):
                return await _about_task(conn, call)
            return await InTransaction(conn).asend(call, server, timeout)

    def close(self) -> None:
        """There is nothing to close."""

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _about_task(conn: psycopg.AsyncConnection, call: ReadStatus | ReadResult | CancelTask) -> Answer:
    if isinstance(call, CancelTask):
        if await actions.cancel(conn, call.task_id):
            return _answer(200, {"id": call.task_id, "status": "cancelled"})
        if call.running and await actions.request_cancel(conn, call.task_id):
            return _answer(202, {"id": call.task_id, "status": "running", "cancel_requested": True})
    found = await inspect.get_result(conn, call.task_id)
    if found is None:
        return _answer(404, {"error": "there is no task with this id"})
    status, result = found
    if isinstance(call, CancelTask):
        return _answer(404, {"error": f"this task can't be cancelled: it is {status}"})
    if status in FINAL:
        return Answer(200, result.encode())
    return _answer(200, {"error": "task not finished", "status": status})


def _answer(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(body))
