"""Answers what durable tasks in a child process ask."""

import asyncio
from collections.abc import Callable

from lapinq_core.domain.errors import StepRefused
from lapinq_core.domain.tasks.durable.messages import Answer, Lost
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.frames import Answered, Ask, Failed, frame


class Answers:
    """Of one child. `send` writes a frame to it, as long as it is there. A child limits how much it asks at once."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._tasks: dict[asyncio.Task[None], Job] = {}

    def begin(self, job: Job | None, asked: Ask) -> None:
        """Answers when `job` knows. None: that has ended."""
        if job is None:
            self._answer(asked, Lost())
            return
        task = asyncio.ensure_future(self._ask(job, asked))
        self._tasks[task] = job
        task.add_done_callback(self._tasks.pop)

    def stop(self, job: Job | None = None) -> None:
        """`job`, by default every job, has ended: what it asked gets no other answer than that."""
        if not self._tasks:
            return
        for task, asking in list(self._tasks.items()):
            if job is None or asking is job:
                task.cancel()

    async def _ask(self, job: Job, asked: Ask) -> None:
        try:
            answer = await job.aask(asked.request)
        except asyncio.CancelledError:
            self._answer(asked, Lost())  # a thread that the function left behind may wait for it
            raise
        except StepRefused as error:
            self._answer(asked, Failed(str(error), is_refused=True))
        except Exception as error:  # noqa: BLE001  # the child raises it in the function
            self._answer(asked, Failed(f"{type(error).__name__}: {error}", is_refused=False))
        else:
            self._answer(asked, answer)

    def _answer(self, asked: Ask, answer: Answer | Failed) -> None:
        self._send(frame(Answered(asked.question, answer)))
