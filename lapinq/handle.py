"""The answer to an enqueue request, and through it the task: its status and its result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq import _requests
from lapinq._connection import Connection, SyncConnection
from lapinq._waiting import Waiting
from lapinq.errors import NotPersisted, RequestRefused, ServerUnavailable, TaskFailed

if TYPE_CHECKING:
    from typing import Self

    import httpx


class TaskRef:
    """What `.queue()` and `.aqueue()` give back.

    It exists for a refused request too: `status_code` tells, `task_id` raises. The waiting methods ask the
    server; `wait` and `status` block, `awaitait` and `astatus` are for coroutines.
    """

    def __init__(
        self,
        response: httpx.Response,
        server_url: str,
        api_key: str | None,
        is_async: bool = False,
        *,
        timeout: float = 30.0,
        connection: Connection | None = None,
    ) -> None:
        """`timeout` is for each single request; `connection` stays the caller's, without it one is made."""
        self.response = response
        self.server_url = server_url
        self.api_key = api_key
        self.is_async = is_async
        self.timeout = timeout
        self._connection = connection or SyncConnection()

    @property
    def status_code(self) -> int:
        return self.response.status_code

    @property
    def task_id(self) -> str | None:
        """None for a task with `ttl_seconds` 0. Raises `RequestRefused` when the task was not taken."""
        self.raise_for_status()
        body = _requests.read_object(self.response)
        if "task_id" not in body:
            raise RequestRefused(
                f"no lapinq server answered at {self.response.url}: {self.response.text[:200]!r}",
                status_code=self.status_code,
            )
        return body["task_id"]

    def json(self) -> Any:
        """The server's answer to the enqueue request, as it came."""
        return self.response.json()

    def raise_for_status(self) -> Self:
        """The ref itself, to be chained. Raises `RequestRefused` when the task was not taken."""
        error = _requests.refusal(self.response, "the server did not take the task")
        if error is not None:
            raise error
        return self

    def status(self) -> str | None:
        """The task's status now; None when the server keeps no such task (any more)."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_status(task_id, self._connection.send(_requests.task_details(self, task_id)))

    async def astatus(self) -> str | None:
        """As `status`, for coroutines."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_status(task_id, await self._connection.asend(_requests.task_details(self, task_id)))

    def wait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """The finished task: `id`, `status`, `result` (the value as JSON text), `error`, `completed_at`.

        A failed, cancelled or expired task is returned like a completed one. Times are in seconds; `timeout`
        None waits for ever. The server answers as soon as the task has ended; one that can't wait is polled,
        often at first, then each `poll_interval`. Raises `ResultTimeout` (a TimeoutError); a server that is
        away for a moment is asked again until then.
        """
        waiting = self._waiting(timeout, poll_interval)
        while True:
            with self._connection.places.one() as has_place:
                try:
                    result = waiting.read(self._connection.send(self._ask(waiting, has_place=has_place)))
                    if result is not None:
                        return result
                except ServerUnavailable as error:
                    waiting.missed(error)
            time.sleep(waiting.pause(time.monotonic()))

    async def awaitait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """As `wait`, for coroutines."""
        import asyncio

        waiting = self._waiting(timeout, poll_interval)
        while True:
            with self._connection.async_places.one() as has_place:
                try:
                    answer = await self._connection.asend(self._ask(waiting, has_place=has_place))
                    result = waiting.read(answer)
                    if result is not None:
                        return result
                except ServerUnavailable as error:
                    waiting.missed(error)
            await asyncio.sleep(waiting.pause(time.monotonic()))

    def result(self, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """What the function returned, once it has, as JSON has it: a tuple is a list.

        Raises `TaskFailed` when the task failed, was cancelled or expired; else as `wait`.
        """
        return _value(self.wait(timeout, poll_interval))

    async def aresult(self, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """As `result`, for coroutines."""
        return _value(await self.awaitait(timeout, poll_interval))

    def __repr__(self) -> str:
        answer = _requests.read_object(self.response)
        return f"<TaskRef {answer.get('task_id', self.status_code)}>"

    def _waiting(self, timeout: float | None, poll_interval: float) -> Waiting:
        task_id = self.task_id
        if task_id is None:
            raise NotPersisted
        return Waiting(task_id, timeout, poll_interval, time.monotonic())

    def _ask(self, waiting: Waiting, *, has_place: bool) -> _requests.Call:
        now = time.monotonic()
        call = _requests.task_result(
            self, waiting.task_id, waiting.hold(self.timeout, now, has_place=has_place)
        )
        return msgspec.structs.replace(call, timeout=waiting.request_timeout(self.timeout, now))


def _value(finished: dict[str, Any]) -> Any:
    status = finished["status"]
    if status != "completed":
        task_id, error = finished["id"], finished["error"]
        told = f"task {task_id} {_ENDED.get(status, status)}" + (f": {error}" if error else "")
        raise TaskFailed(told, task_id=task_id, status=status, error=error)
    return msgspec.json.decode(finished["result"])


_ENDED = {"cancelled": "was cancelled"}


def _read_status(task_id: str, response: httpx.Response) -> str | None:
    if response.status_code == 404:
        return None
    error = _requests.refusal(response, f"no status of task {task_id}")
    if error is not None:
        raise error
    return _requests.read_object(response).get("status")
