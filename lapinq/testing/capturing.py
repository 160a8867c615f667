"""`captured` records enqueued tasks and runs none."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lapinq._client.calling.calls import AddToWorkflow, OfDurable, OfWorkflow, ReadResult, SendSignal, Storing
from lapinq._client.calling.replacing import replaced_by
from lapinq.errors import LapinqError
from lapinq.testing.commits import UntilTheEnd
from lapinq.testing.enqueued import EnqueuedTasks
from lapinq.testing.intake import Intake, Taken
from lapinq_core.domain.tasks.state import FINAL

if TYPE_CHECKING:
    from collections.abc import Generator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.calling.replacing import InTransaction
    from lapinq._client.settings import ServerSettings

_RUNS_NOTHING = "nothing runs captured tasks, so they have no steps, and take no signals: inline() runs them"


@contextlib.contextmanager
def captured() -> Generator[EnqueuedTasks]:
    """Records what any queue enqueues while the context lasts. Tasks stay pending: nothing is sent, nothing runs."""
    tasks = EnqueuedTasks()
    with replaced_by(_Capturing(Intake(tasks))):
        yield tasks


class _Capturing:
    """A transport that leads nowhere."""

    max_in_batch: int | None = None

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def in_transaction(self, transport: InTransaction) -> UntilTheEnd:
        return UntilTheEnd(transport, self._take)

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        if isinstance(call, Storing | AddToWorkflow):
            return self._intake.take(call).answer
        if isinstance(call, OfDurable):
            raise LapinqError(_RUNS_NOTHING)
        if isinstance(call, OfWorkflow):
            return self._intake.tell_of_workflow(call)
        if isinstance(call, ReadResult) and call.wait:
            task = self._intake.find(call.task_id)
            if task is not None and task.status not in FINAL:
                raise LapinqError(
                    f"nothing runs {task}: it was captured. To wait for results, run tasks with inline() or the"
                    " fixture lapinq_inline"
                )
        return self._intake.tell(call)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self.send(call, server, timeout)

    def close(self) -> None:
        """There is nothing to close."""

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _take(self, call: Storing | SendSignal) -> tuple[Answer, _Capture]:
        if isinstance(call, SendSignal):
            raise LapinqError(_RUNS_NOTHING)
        taken = self._intake.take(call)
        return taken.answer, _Capture(self._intake, taken)


class _Capture:
    """Recorded tasks that a rollback takes back."""

    def __init__(self, intake: Intake, taken: Taken) -> None:
        self._intake = intake
        self._taken = taken
        self.tasks = taken.tasks

    def on_commit(self) -> None:
        """They stay."""

    async def aon_commit(self) -> None:
        """They stay."""

    def on_rollback(self) -> None:
        self._intake.forget(self._taken)
