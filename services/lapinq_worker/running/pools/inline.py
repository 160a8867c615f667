"""Runs one attempt where it is called, in plain code or on the running event loop. For tests of the user's code.

Nothing enforces a time limit, and nothing can stop the function.
"""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar, cast

from lapinq_core.domain.errors import OtherVersion, Suspend, TimeLimit
from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.diagnostics.task_lines import log_completed, log_start
from lapinq_core.domain.tasks.outcome import Completed, Outcome
from lapinq_worker.running.job import Job
from lapinq_worker.running.outcomes import raised, returned

T = TypeVar("T")


class Ended(NamedTuple):
    """How an attempt ended, and what its function raised."""

    outcome: Outcome
    error: BaseException | None = None


# Others, such as KeyboardInterrupt and what pytest.fail() raises, are meant for the test run.
_THE_TASKS_OWN = (
    *(Exception, BaseExceptionGroup, SystemExit, TimeLimit, asyncio.CancelledError),
    *(Suspend, OtherVersion),
)


def run_inline(job: Job) -> Ended:
    """Runs a coroutine on an event loop of its own, in another thread if one runs here."""
    _begin(job)
    try:
        value = contextvars.copy_context().run(_call, job)
    except _THE_TASKS_OWN as error:
        return _raised(job, error)
    return _returned(job, value)


async def arun_inline(job: Job) -> Ended:
    """Runs a coroutine on the running event loop, and a plain function in a thread, so that it blocks nothing."""
    if not job.target.is_coroutine:
        return await asyncio.to_thread(run_inline, job)
    _begin(job)
    try:
        return await asyncio.create_task(_acall(job))
    except asyncio.CancelledError as error:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        return _raised(job, error)


def _call(job: Job) -> Any:
    running.set(job)
    args, kwargs = job.target.decode(*job.arguments())
    value = job.target.function(*args, **kwargs)
    if value is not None and isinstance(value, Coroutine):
        return _run_coroutine(cast("Coroutine[Any, Any, Any]", value))
    return value


async def _acall(job: Job) -> Ended:
    running.set(job)
    try:
        args, kwargs = job.target.decode(*job.arguments())
        value = await job.target.function(*args, **kwargs)
    except asyncio.CancelledError:
        raise
    except _THE_TASKS_OWN as error:  # here, because asyncio ends the event loop on a SystemExit
        return _raised(job, error)
    return _returned(job, value)


def _run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """On an event loop of its own, in another thread if one runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _in_thread(lambda: asyncio.run(coroutine))


def _in_thread(work: Callable[[], T]) -> T:
    values: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            values.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again by the caller
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="lapinq inline")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return values[0]


def _begin(job: Job) -> None:
    job.started = time.perf_counter()
    if job.target.log is not None:
        log_start(job.target.log, job.claim)


def _returned(job: Job, value: object) -> Ended:
    outcome = returned(value, job.host.limits.max_result_size)
    if job.target.log is not None and type(outcome) is Completed:
        log_completed(job.target.log, job.claim, time.perf_counter() - job.started)
    return Ended(outcome)


def _raised(job: Job, error: BaseException) -> Ended:
    return Ended(raised(error, job.target.handling, job.target.function), error)
