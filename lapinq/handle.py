"""A reference to an enqueued task: its status and result, and the answer to the request that enqueued it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from lapinq._client import signals
from lapinq._client.calling.answer import Answer, answer_of, is_unknown_task, not_lapinq, read_object, refusal
from lapinq._client.calling.calls import CancelTask, ReadProgress, ReadResult, ReadStatus, ReadWhy
from lapinq._client.calling.repeating import adeliver, deliver
from lapinq._client.calling.result_poll import WHY_SECONDS, ResultPoll
from lapinq._client.environment import DEFAULT_URL, server_address
from lapinq._client.transports import shared_transport
from lapinq.errors import LapinqError, NotPersisted, ServerUnavailable, TaskFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Self
    from uuid import UUID

    import httpx
    from typing_extensions import TypeVar

    from lapinq._client.calling.transport import Reachable, Transport

    # Of the result. `TaskRef` alone is `TaskRef[Any]`.
    V = TypeVar("V", covariant=True, default=Any)
else:
    from typing import TypeVar

    V = TypeVar("V", covariant=True)


class Progress(msgspec.Struct, frozen=True):
    """How far a task is. `percent` and `message` are None if its attempt has reported none."""

    status: str
    percent: int | None = msgspec.field(name="progress", default=None)
    message: str | None = msgspec.field(name="progress_message", default=None)


class TaskRef(Generic[V]):
    """What `.queue()` and `.aqueue()` return, and `TaskRef(id)` makes of a stored id.

    `status`, `progress`, `cancel`, `signal`, `steps`, `wait` and `result` block. `astatus`, `aprogress`, `acancel`,
    `asignal`, `asteps`, `awaitait`, `aresult` and `await ref` are for coroutines.
    """

    __lapinq_instead__ = (
        "of a task that is enqueued, pass .result() or .task_id; in a workflow, add it with flow.add(...) and pass the"
        " node"
    )
    """What an argument may be instead."""

    def __init__(
        self,
        response: httpx.Response | Answer | UUID | str,
        server_url: str = DEFAULT_URL,
        api_key: str | None = None,
        is_async: bool = False,
        *,
        timeout: float = 30.0,
        queue: Reachable | None = None,
        transport: Transport | None = None,
        read_result: Callable[[str], Any] | None = None,
    ) -> None:
        """`response` is the task's id, or the response to the request that enqueued it.

        The ref asks where `queue` enqueues, else `server_url`. `timeout` is for each call. `read_result` makes a value
        of the JSON text of the result.
        """
        if queue is not None:
            server_url, api_key = queue.server_url, queue.api_key
            timeout, transport = queue.timeout, queue.transport
        self._answer = _as_answer(response)
        self.server_url, self.api_key = server_address(server_url, api_key)
        self.is_async = is_async
        self.timeout = timeout
        self._transport = transport or shared_transport(self.server_url)
        self._read_result = read_result or msgspec.json.decode

    if not TYPE_CHECKING:  # which would take any attribute for one

        def __getattr__(self, name: str) -> Any:
            from lapinq._client.declaring.other_libraries import missing_ref_attribute

            raise missing_ref_attribute(self, name)

    @property
    def response(self) -> httpx.Response:
        """The response to the enqueue request. Of a ref made from an id, one that says only that."""
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
            raise not_lapinq(self._answer)
        return body["task_id"]

    @property
    def existing(self) -> bool:
        """Whether the task was there before: it holds the unique key of the one that was to be enqueued, which was not
        stored. Raises `RequestRefused` if the task was not enqueued."""
        self.raise_for_status()
        return bool(read_object(self._answer).get("existing"))

    @property
    def replaced(self) -> bool:
        """Whether that task got the arguments and options of the one that was to be enqueued."""
        self.raise_for_status()
        return bool(read_object(self._answer).get("replaced"))

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
        return _read_status(task_id, deliver(self._transport, ReadStatus(task_id), self))

    async def astatus(self) -> str | None:
        """Like `status`, for coroutines."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_status(task_id, await adeliver(self._transport, ReadStatus(task_id), self))

    def progress(self) -> Progress | None:
        """What the running attempt has reported last, after the end that of the last attempt. None if the server
        doesn't have the task, or no longer."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_progress(task_id, deliver(self._transport, ReadProgress(task_id), self))

    async def aprogress(self) -> Progress | None:
        """Like `progress`, for coroutines."""
        task_id = self.task_id
        if task_id is None:
            return None
        return _read_progress(task_id, await adeliver(self._transport, ReadProgress(task_id), self))

    def cancel(self, *, running: bool = False) -> bool:
        """Cancel the task if it is pending. With `running`, also ask it to stop if it runs.

        False if it could not be cancelled: it runs, has ended or is not there. Raises `RequestRefused`.
        """
        call = CancelTask(self._id(), running)
        if _is_cancelled(call, deliver(self._transport, call, self)):
            return True
        return self.status() == "cancelled"  # by somebody else, or by a request whose answer was lost

    async def acancel(self, *, running: bool = False) -> bool:
        """Like `cancel`, for coroutines."""
        call = CancelTask(self._id(), running)
        if _is_cancelled(call, await adeliver(self._transport, call, self)):
            return True
        return await self.astatus() == "cancelled"

    def wait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """The finished task: `id`, `status`, `result` (the value as JSON text), `error`, `completed_at`.

        A failed, cancelled or expired task is returned like a completed one. Times are in seconds; `timeout` None waits
        forever. The server answers as soon as the task ends. A server that can't wait is polled, often at first, then
        every `poll_interval`. One that is unavailable is asked again. Raises `ResultTimeout`, a TimeoutError, which
        says why the task is not running.
        """
        poll = self._poll(timeout, poll_interval)
        while True:
            try:
                finished = poll.read(self._transport.send(*self._result_call(poll)))
                if finished is not None:
                    return finished
            except ServerUnavailable as error:
                poll.record_no_answer(error)
            if poll.wants_why(time.monotonic()):
                with contextlib.suppress(LapinqError):
                    poll.read_why(self._transport.send(*self._why_call(poll)))
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
            if poll.wants_why(time.monotonic()):
                with contextlib.suppress(LapinqError):
                    poll.read_why(await self._transport.asend(*self._why_call(poll)))
            await asyncio.sleep(poll.pause(time.monotonic()))

    def signal(self, name: str, value: object = None) -> None:
        """Send a signal to the task, with any value that JSON has: `current_task().wait_for_signal(name)` gives it.

        It is kept until the task takes it. Raises `RequestRefused` (404 for an unknown task, 409 for one that has
        ended or has 10,000 signals that it has not taken), TypeError and ValueError for a value without a JSON form,
        and `InvalidValue` for the name.
        """
        signals.signal(self._transport, self, self._id(), name, value)

    async def asignal(self, name: str, value: object = None) -> None:
        """Like `signal`, for coroutines."""
        await signals.asignal(self._transport, self, self._id(), name, value)

    def steps(self) -> list[dict[str, Any]]:
        """The steps and waits of a durable task, in the order in which they began, as the API has them: `name`,
        `occurrence`, `kind`, `status`, `result` (JSON text), `started_at`, `ended_at`, `attempt` and others.

        Raises `RequestRefused` (404 for an unknown task).
        """
        return signals.steps(self._transport, self, self._id())

    async def asteps(self) -> list[dict[str, Any]]:
        """Like `steps`, for coroutines."""
        return await signals.asteps(self._transport, self, self._id())

    def __lapinq_read__(self, result: str) -> V:
        """Reads its result for another task (`current_task().wait_for_task`)."""
        return self._read_result(result)

    def result(self, timeout: float | None = 30, poll_interval: float = 0.5) -> V:
        """Wait for the task and return what the function returned.

        It went through JSON, and is read by the function's return annotation, if the ref comes from a task. Raises
        `TaskFailed` if the task failed, was cancelled or expired, `TypeMismatch` if the result doesn't fit the
        annotation, otherwise like `wait`.
        """
        return _value(self.wait(timeout, poll_interval), self._read_result)

    async def aresult(self, timeout: float | None = 30, poll_interval: float = 0.5) -> V:
        """Like `result`, for coroutines."""
        return _value(await self.awaitait(timeout, poll_interval), self._read_result)

    def __await__(self) -> Generator[Any, None, V]:
        """`await ref` is `await ref.aresult()`."""
        return self.aresult().__await__()

    def __repr__(self) -> str:
        answer = read_object(self._answer)
        return f"<TaskRef {answer.get('task_id', self.status_code)}>"

    def _id(self) -> str:
        task_id = self.task_id
        if task_id is None:
            raise NotPersisted
        return task_id

    def _poll(self, timeout: float | None, poll_interval: float) -> ResultPoll:
        return ResultPoll(self._id(), timeout, poll_interval, time.monotonic())

    def _result_call(self, poll: ResultPoll) -> tuple[ReadResult, Self, float]:
        now = time.monotonic()
        call = ReadResult(poll.task_id, poll.wait_seconds(self.timeout, now))
        return call, self, poll.request_timeout(self.timeout, now)

    def _why_call(self, poll: ResultPoll) -> tuple[ReadWhy, Self, float]:
        return ReadWhy(poll.task_id), self, min(WHY_SECONDS, self.timeout)


def _as_answer(given: Any) -> Answer:
    if isinstance(given, Answer):
        return given
    if given is None or isinstance(given, TaskRef):
        what = "None, as after an enqueue with ttl_seconds 0" if given is None else "a TaskRef: use that one"
        raise TypeError(f"task_id must be the id of a task, not {what}")
    if hasattr(given, "status_code"):
        return answer_of(given)
    return enqueued(str(given))


def enqueued(task_id: str | None, **flags: bool) -> Answer:
    """The answer that a server gives with this id. The flags are "existing" and "replaced"."""
    return Answer(201, msgspec.json.encode({"task_id": task_id, **flags}))


def _value(finished: dict[str, Any], read_result: Callable[[str], Any]) -> Any:
    status = finished["status"]
    if status != "completed":
        task_id, error = finished["id"], finished["error"]
        ended = "was cancelled" if status == "cancelled" else status
        message = f"task {task_id} {ended}" + (f": {error}" if error else "")
        raise TaskFailed(message, task_id=task_id, status=status, error=error)
    return read_result(finished["result"])


def _read_status(task_id: str, answer: Answer) -> str | None:
    if is_unknown_task(answer):
        return None
    error = refusal(answer, f"no status of task {task_id}")
    if error is not None:
        raise error
    return read_object(answer).get("status")


def _read_progress(task_id: str, answer: Answer) -> Progress | None:
    if is_unknown_task(answer):
        return None
    error = refusal(answer, f"no progress of task {task_id}")
    if error is not None:
        raise error
    try:
        return msgspec.json.decode(answer.body, type=Progress)
    except msgspec.DecodeError:
        raise not_lapinq(answer) from None


def _is_cancelled(call: CancelTask, answer: Answer) -> bool:
    if is_unknown_task(answer):
        return False
    error = refusal(answer, f"task {call.task_id} was not cancelled")
    if error is not None:
        raise error
    return True
