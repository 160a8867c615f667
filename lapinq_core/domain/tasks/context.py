"""`current_task`: what a running task can learn about itself and report. Works in coroutines, threads and child
processes.

The code that runs the task sets `running` to its `Attempt`, in the context in which the function is called.
"""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from lapinq_core.domain.errors import InvalidValue, NoTask
from lapinq_core.domain.log_time import log_time
from lapinq_core.domain.tasks.limit_rules import MAX_UNITS, check_limit_name

if TYPE_CHECKING:
    import psycopg

P = ParamSpec("P")
Added = TypeVar("Added", covariant=True)

MAX_MESSAGE = 1000


class Transaction(
    AbstractContextManager["psycopg.Connection"], AbstractAsyncContextManager["psycopg.AsyncConnection"]
):
    """Supports both `with` (a connection) and `async with` (an async connection)."""


class Attempt(Protocol):
    """Behind a running task: its claim, and how it reports to the worker."""

    @property
    def id(self) -> str: ...
    @property
    def task_name(self) -> str: ...
    @property
    def module_path(self) -> str: ...
    @property
    def queue_name(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def enqueued_at(self) -> datetime | None: ...
    @property
    def deadline(self) -> datetime: ...
    @property
    def claim_seq(self) -> int: ...
    @property
    def is_cancelled(self) -> bool: ...
    @property
    def is_lease_lost(self) -> bool: ...
    @property
    def workflow_id(self) -> str | None: ...

    def report_progress(self, percent: int, message: str | None) -> None:
        """Keeps the latest progress. Takes microseconds; it is sent later."""
        ...

    def write_log(self, line: str) -> None:
        """Takes one log line, without its line end."""
        ...

    def spend(self, limit: str, units: float) -> None:
        """Keeps the latest units for each limit. They are stored with the end of the attempt."""
        ...

    def transaction(self, result: Any) -> Transaction:
        """See `CurrentTask.transaction`."""
        ...


running: ContextVar[Attempt] = ContextVar("lapinq_running")


def current_task() -> "CurrentTask":
    """The task that this code runs in. Raises `NoTask` outside of one."""
    attempt = running.get(None)
    if attempt is None:
        raise NoTask
    return CurrentTask(attempt)


_INSTEAD = {
    "name": "use .task_name",
    "request": "use .id, .attempt and .max_retries",
    "retries": "use .attempt, which counts from 1",
    "retry": "raise lapinq.RetryError(seconds)",
    "task_id": "use .id",
    "update_progress": "use .progress(percent, message)",
    "update_state": "use .progress(percent, message)",
}
"""What to write instead of what other libraries have."""


class CurrentTask:
    """The running attempt, as the task's own code sees it."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    if not TYPE_CHECKING:  # which would take any attribute for one

        def __getattr__(self, name: str) -> Any:
            told = f": {_INSTEAD[name]}" if name in _INSTEAD else ""
            raise AttributeError(f"the current task has no attribute {name!r}{told}", name=name, obj=self)

    @property
    def id(self) -> str:
        """The task's id; empty for fire and forget."""
        return self._attempt.id

    @property
    def task_name(self) -> str:
        """The name of its function."""
        return self._attempt.task_name

    @property
    def module_path(self) -> str:
        """The module of its function."""
        return self._attempt.module_path

    @property
    def queue(self) -> str:
        """The queue it came from."""
        return self._attempt.queue_name

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._attempt.attempt

    @property
    def max_retries(self) -> int:
        """How many retries it may have; this is the last attempt if `attempt` is greater."""
        return self._attempt.max_retries

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata it was enqueued with."""
        return self._attempt.metadata

    @property
    def request_id(self) -> str | None:
        """The `X-Request-ID` of the request that enqueued it; None for a schedule's task."""
        return self._attempt.request_id

    @property
    def enqueued_at(self) -> datetime | None:
        """When it was enqueued, in UTC; None for fire and forget."""
        return self._attempt.enqueued_at

    @property
    def deadline(self) -> datetime:
        """When its time limit is reached, in UTC by this machine's clock."""
        return self._attempt.deadline

    @property
    def claim_seq(self) -> int:
        """A number that grows with every claim of any task: use it as a fencing token for writes elsewhere."""
        return self._attempt.claim_seq

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop; a plain function should check now and then, and return."""
        return self._attempt.is_cancelled

    @property
    def lease_lost(self) -> bool:
        """Whether its lease is lost, so that its result will be dropped."""
        return self._attempt.is_lease_lost

    def progress(self, percent: float, message: str | None = None) -> None:
        """Reports progress, 0 to 100. Only the latest is sent, a few times a second: call it as often as you like.
        Raises `InvalidValue`."""
        number = isinstance(percent, int | float) and not isinstance(percent, bool)  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        if not number or not 0 <= percent <= 100:
            raise InvalidValue("percent", "must be a number between 0 and 100")
        if message is not None:
            if not isinstance(message, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
                raise InvalidValue("message", "must be a string")
            # What PostgreSQL can't store is taken out: it would refuse the words of all attempts in the batch.
            message = message.replace("\x00", "").encode("utf-8", "replace").decode()[:MAX_MESSAGE]
        self._attempt.report_progress(int(percent), message)

    def spend(self, limit: str, units: float) -> None:
        """Says how many units of a named limit this attempt has used, instead of those that it took when it started.

        The difference is given back to the limit, or taken from it, when the attempt ends, however it ends. If called
        again for the same limit, the last call counts: say the sum. An attempt may use units of a limit that its task
        does not take from. Raises `InvalidValue`.
        """
        if not isinstance(limit, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise InvalidValue("limit", "must be a string")
        check_limit_name("limit", limit)
        number = isinstance(units, int | float) and not isinstance(units, bool)  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        if not number or not 0 <= units <= MAX_UNITS:
            raise InvalidValue("units", f"must be a number between 0 and {MAX_UNITS}")
        self._attempt.spend(limit, float(units))

    @property
    def workflow(self) -> "CurrentWorkflow | None":
        """The workflow that it belongs to, if it does to one."""
        workflow_id = self._attempt.workflow_id
        return None if workflow_id is None else CurrentWorkflow(workflow_id)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines are stored with the attempt; only the latest if there are many."""
        return logging.LoggerAdapter(_log, {"task_id": self.id, "task_name": self.task_name})

    def transaction(self, *, result: Any = None) -> Transaction:
        """A transaction that commits your writes and the end of this attempt together, or neither.

        `with current_task().transaction() as conn:` gives a psycopg connection to lapinq's database, `async with` an
        async one. At the end of the block the task is completed with `result` and both are committed. Raises
        `LeaseLost` and writes nothing if the lease was lost meanwhile. The function's return value is then ignored,
        and an exception only logged. Not available for fire-and-forget tasks.
        """
        return self._attempt.transaction(result)


class Addable(Protocol[P, Added]):
    """A task of the client."""

    def __lapinq_add__(self, workflow_id: str, /, *args: P.args, **kwargs: P.kwargs) -> Added: ...


class CurrentWorkflow:
    """The workflow of the running task."""

    __slots__ = ("id",)

    def __init__(self, workflow_id: str) -> None:
        self.id = workflow_id

    def add(self, task: Addable[P, Added], /, *args: P.args, **kwargs: P.kwargs) -> Added:
        """Adds a call of `task` to the workflow, at once, and returns a `TaskRef`. In a coroutine it is awaited.

        It is sent to where the queue of `task` enqueues. `task.options(after=["fetch"], ref="more")` names tasks of the
        workflow by their refs. A retry of the running task adds it again, unless its ref is taken: then it raises
        `RequestRefused`.
        """
        return task.__lapinq_add__(self.id, *args, **kwargs)


class _KeepWithAttempt(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        attempt = running.get(None)
        if attempt is None:
            return
        try:
            attempt.write_log(self.format(record))
        except Exception:  # noqa: BLE001  # as logging does: a log line must not end a task
            self.handleError(record)


class _Format(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # logging's
        return log_time(record.created)


_log = logging.getLogger("lapinq.task")
_keeper = _KeepWithAttempt()
_keeper.setFormatter(_Format("%(asctime)s %(levelname)s %(message)s"))
_log.addHandler(_keeper)
_log.setLevel(logging.DEBUG)
