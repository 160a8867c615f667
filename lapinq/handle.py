"""The response to an enqueue request, and through it the task's status and result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer, answer_of, read_object, refusal
from lapinq._client.calling.calls import ReadResult, ReadStatus
from lapinq._client.calling.result_poll import ResultPoll
from lapinq._client.transports import open_transport
from lapinq.errors import NotPersisted, RequestRefused, ServerUnavailable, TaskFailed

if TYPE_CHECKING:
    from typing import Self

    import httpx

    from lapinq._client.calling.transport import Transport


class TaskRef:
    """What `.queue()` and `.aqueue()` return, also for a refused request: then `task_id` raises.

    `status`, `wait` and `result` ask the server and block. `astatus`, `awaitait` and `aresult` are for coroutines.
    """

    def __init__(
        self,
        response: httpx.Response | Answer,
        server_url: str,
        api_key: str | None,
        is_async: bool = False,
        *,
        timeout: float = 30.0,
        transport: Transport | None = None,
    ) -> None:
        """`timeout` is for each request. The caller keeps `transport` and closes it."""
        self._answer = response if isinstance(response, Answer) else answer_of(response)
        self.server_url = server_url
        self.api_key = api_key
        self.is_async = is_async
        self.timeout = timeout
        self._transport = transport or open_transport(server_url)

    @property
    def response(self) -> httpx.Response:
        return self._answer.as_response()

    @property
    def status_code(self) -> int:
        return self._answer.status_code

    @property
    def task_id(self) -> str | None:
        """None for a task with `ttl_seconds` 0. Raises `RequestRefused` if the task was not enqueued."""
        self.raise_for_status()
        body = read_object(self._answer)
        if "task_id" not in body:
            raise RequestRefused(
                f"no lapinq server answered at {self._answer.url}: {self._answer.text[:200]!r}",
                status_code=self.status_code,
            )
        return body["task_id"]

    def json(self) -> Any:
        """The body of the response to the enqueue request."""
        return self.response.json()

    def raise_for_status(self) -> Self:
        """The ref itself, for chaining. Raises `RequestRefused` if the task was not enqueued."""
        error = refusal(self._answer, "the server did not take the task")
        if error is not None:
            raise error
        return self

    def status(self) -> str | None:
        """The task's current status. None if the server doesn't have the task, or no longer."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_status(task_id, self._transport.send(ReadStatus(task_id), self, self.timeout))

    async def astatus(self) -> str | None:
        """Like `status`, for coroutines."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_status(task_id, await self._transport.asend(ReadStatus(task_id), self, self.timeout))

    def wait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """The finished task: `id`, `status`, `result` (the value as JSON text), `error`, `completed_at`.

        A failed, cancelled or expired task is returned like a completed one. Times are in seconds; `timeout` None waits
        forever. The server answers as soon as the task ends. A server that can't wait is polled, often at first, then
        every `poll_interval`. One that is unavailable is asked again. Raises `ResultTimeout`, a TimeoutError.
        """
        poll = self._poll(timeout, poll_interval)
        while True:
            try:
                finished = poll.read(self._transport.send(*self._result_call(poll)))
                if finished is not None:
                    return finished
            except ServerUnavailable as error:
                poll.record_no_answer(error)
            time.sleep(poll.pause(time.monotonic()))

    async def awaitait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """Like `wait`, for coroutines."""
        import asyncio

        poll = self._poll(timeout, poll_interval)
        while True:
            try:
                finished = poll.read(await self._transport.asend(*self._result_call(poll)))
                if finished is not None:
                    return finished
            except ServerUnavailable as error:
                poll.record_no_answer(error)
            await asyncio.sleep(poll.pause(time.monotonic()))

    def result(self, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """Wait for the task and return what the function returned. It went through JSON, so a tuple is a list.

        Raises `TaskFailed` if the task failed, was cancelled or expired, otherwise like `wait`.
        """
        return _value(self.wait(timeout, poll_interval))

    async def aresult(self, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """Like `result`, for coroutines."""
        return _value(await self.awaitait(timeout, poll_interval))

    def __repr__(self) -> str:
        answer = read_object(self._answer)
        return f"<TaskRef {answer.get('task_id', self.status_code)}>"

    def _poll(self, timeout: float | None, poll_interval: float) -> ResultPoll:
        task_id = self.task_id
        if task_id is None:
            raise NotPersisted
        return ResultPoll(task_id, timeout, poll_interval, time.monotonic())

    def _result_call(self, poll: ResultPoll) -> tuple[ReadResult, Self, float]:
        now = time.monotonic()
        call = ReadResult(poll.task_id, poll.wait_seconds(self.timeout, now))
        return call, self, poll.request_timeout(self.timeout, now)


def _value(finished: dict[str, Any]) -> Any:
    status = finished["status"]
    if status != "completed":
        task_id, error = finished["id"], finished["error"]
        ended = "was cancelled" if status == "cancelled" else status
        message = f"task {task_id} {ended}" + (f": {error}" if error else "")
        raise TaskFailed(message, task_id=task_id, status=status, error=error)
    return msgspec.json.decode(finished["result"])


def _read_status(task_id: str, answer: Answer) -> str | None:
    if answer.status_code == 404:
        return None
    error = refusal(answer, f"no status of task {task_id}")
    if error is not None:
        raise error
    return read_object(answer).get("status")
