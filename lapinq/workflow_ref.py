"""A reference to an enqueued workflow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lapinq._client.calling.answer import is_unknown_task, read_object, refusal
from lapinq._client.calling.calls import CancelWorkflow, ReadWorkflow, RetryWorkflow
from lapinq._client.calling.repeating import adeliver, adeliver_all, deliver, deliver_all
from lapinq._client.calling.result_poll import ResultPoll
from lapinq.errors import ServerUnavailable

if TYPE_CHECKING:
    from typing import Self

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.calling.repeating import Calls
    from lapinq._client.calling.transport import Reachable


class WorkflowRef:
    """What `flow.ref` is, and `WorkflowRef(id, queue=queue)` makes of a stored id.

    `get`, `status`, `cancel`, `retry` and `wait` block. `aget`, `astatus`, `acancel`, `aretry` and `awaitait` are for
    coroutines.
    """

    def __init__(self, workflow_id: str, *, queue: Reachable) -> None:
        """It asks where `queue` enqueues."""
        self.workflow_id = workflow_id
        self.server_url, self.api_key, self.timeout = queue.server_url, queue.api_key, queue.timeout
        self._transport = queue.transport

    def get(self, *, tasks: bool = True) -> dict[str, Any] | None:
        """The workflow as the API has it: `name`, `status`, `metadata`, `counts`, `created_at`, `ended_at`, and with
        `tasks` also these and `edges`. None if the server doesn't have it, or no longer.

        More than 10,000 tasks are read in several requests, so some may have ended after the `counts`."""
        return deliver_all(self._transport, self._pages(tasks=tasks), self)

    async def aget(self, *, tasks: bool = True) -> dict[str, Any] | None:
        """Like `get`, for coroutines."""
        return await adeliver_all(self._transport, self._pages(tasks=tasks), self)

    def status(self) -> str | None:
        """`running`, `completed`, `failed` or `cancelled`. None if the server doesn't have it, or no longer."""
        found = self.get(tasks=False)
        return None if found is None else found["status"]

    async def astatus(self) -> str | None:
        """Like `status`, for coroutines."""
        found = await self.aget(tasks=False)
        return None if found is None else found["status"]

    def cancel(self) -> bool:
        """Cancel the tasks that have not ended, and ask those that run to stop. False if the server doesn't have the
        workflow. One that has ended stays as it is."""
        return self._is_done(deliver(self._transport, CancelWorkflow(self.workflow_id), self))

    async def acancel(self) -> bool:
        """Like `cancel`, for coroutines."""
        return self._is_done(await adeliver(self._transport, CancelWorkflow(self.workflow_id), self))

    def retry(self) -> None:
        """Run again what failed, what was cancelled because of it, and what ran in spite of it. Raises
        `RequestRefused` if nothing did."""
        self._check(deliver(self._transport, RetryWorkflow(self.workflow_id), self), "was not retried")

    async def aretry(self) -> None:
        """Like `retry`, for coroutines."""
        self._check(await adeliver(self._transport, RetryWorkflow(self.workflow_id), self), "was not retried")

    def wait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """The workflow when it has ended, as from `get(tasks=False)`, whatever its status.

        Times are in seconds; `timeout` None waits forever. The server is polled, often at first, then every
        `poll_interval`. One that is unavailable is asked again. Raises `ResultTimeout`, a TimeoutError.
        """
        poll = self._poll(timeout, poll_interval)
        while True:
            try:
                ended = poll.read(self._transport.send(*self._look(poll)))
                if ended is not None:
                    return ended
            except ServerUnavailable as error:
                poll.record_no_answer(error)
            time.sleep(poll.pause(time.monotonic()))

    async def awaitait(self, timeout: float | None = 30, poll_interval: float = 0.5) -> dict[str, Any]:
        """Like `wait`, for coroutines."""
        import asyncio

        poll = self._poll(timeout, poll_interval)
        while True:
            try:
                ended = poll.read(await self._transport.asend(*self._look(poll)))
                if ended is not None:
                    return ended
            except ServerUnavailable as error:
                poll.record_no_answer(error)
            await asyncio.sleep(poll.pause(time.monotonic()))

    def __repr__(self) -> str:
        return f"<WorkflowRef {self.workflow_id}>"

    def _poll(self, timeout: float | None, poll_interval: float) -> ResultPoll:
        return ResultPoll(self.workflow_id, timeout, poll_interval, time.monotonic(), "workflow")

    def _look(self, poll: ResultPoll) -> tuple[Call, Self, float]:
        return ReadWorkflow(self.workflow_id), self, poll.request_timeout(self.timeout, time.monotonic())

    def _pages(self, *, tasks: bool) -> Calls[dict[str, Any] | None]:
        answer = yield ReadWorkflow(self.workflow_id, tasks)
        assert answer is not None
        found = self._read(answer)
        while found is not None and (cursor := answer.headers.get("x-next-cursor")) is not None:
            answer = yield ReadWorkflow(self.workflow_id, tasks, cursor)
            assert answer is not None
            page = self._read(answer)
            if page is None:
                return None
            found["tasks"] += page["tasks"]
            found["edges"] += page["edges"]
        return found

    def _read(self, answer: Answer) -> dict[str, Any] | None:
        if is_unknown_task(answer):
            return None
        self._check(answer, "can't be read")
        return read_object(answer)

    def _is_done(self, answer: Answer) -> bool:
        if is_unknown_task(answer):
            return False
        self._check(answer, "was not cancelled")
        return True

    def _check(self, answer: Answer, what: str) -> None:
        error = refusal(answer, f"workflow {self.workflow_id} {what}")
        if error is not None:
            raise error
