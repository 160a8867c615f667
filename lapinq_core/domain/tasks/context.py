"""`current_task`: what a running task can learn about itself and report. Works in coroutines, threads and child
processes.

The code that runs the task sets `running` to its `Attempt`, in the context in which the function is called.
"""

import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload
from uuid import UUID

import msgspec

from lapinq_core.domain.errors import InvalidValue, NoTask, TaskFailed
from lapinq_core.domain.ids import is_id
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.log_time import log_time
from lapinq_core.domain.tasks.durable.calls import Calls, Spawning, Storing, check_name
from lapinq_core.domain.tasks.durable.form import schema_text
from lapinq_core.domain.tasks.durable.messages import Row
from lapinq_core.domain.tasks.limit_rules import MAX_UNITS, check_limit_name
from lapinq_core.domain.tasks.task import check_json

if TYPE_CHECKING:
    import psycopg

P = ParamSpec("P")
R = TypeVar("R")
Added = TypeVar("Added", covariant=True)
Result = TypeVar("Result", covariant=True)
Spawned = TypeVar("Spawned", covariant=True)

MAX_MESSAGE = 1000
LINK_SECONDS = 7 * 86_400.0
"""How long a link for a person works, unless the task says otherwise."""
MAX_LINK_SECONDS = 366 * 86_400
MAX_LINK_TITLE = 200
MAX_LINK_TEXT = 5_000


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

    @property
    def durable(self) -> Calls:
        """Its steps and waits. Raises `NoTask` for fire and forget."""
        ...

    def storing(self, connection: object) -> Storing:
        """See `CurrentTask.using`."""
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

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        key: str | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def step(
        self, name: str, function: Callable[..., R], /, *args: Any, key: str | None = None, **kwargs: Any
    ) -> R: ...
    def step(
        self, name: str, function: Callable[..., Any], /, *args: Any, key: str | None = None, **kwargs: Any
    ) -> Any:
        """Runs `function` once in the life of this task, and gives its result. Later attempts get it without a run.

        In a coroutine the call is awaited, and a plain function then runs in a thread. The result is stored as JSON and
        read as the function's return annotation says, also the first time. A step is known by `name` and by how many
        steps of that name the attempt called before. `key` tells apart those of one name that are in flight at once. If
        `function` raises, nothing is stored. Raises `InvalidValue` if a step of that name and key is in flight,
        `StepRefused` for a result that can't be stored, and `LeaseLost`.
        """
        return self._attempt.durable.step(name, function, args, kwargs, key)

    def sleep(self, seconds: float) -> None:
        """Goes on after `seconds`, and holds no worker meanwhile: the attempt ends, and the function runs again, past
        its stored steps. In a coroutine the call is awaited. Raises `InvalidValue`."""
        return self._attempt.durable.sleep(_seconds("seconds", seconds))

    def sleep_until(self, when: datetime) -> None:
        """As `sleep`, until a time with an offset. Raises `InvalidValue`."""
        if not isinstance(when, datetime) or when.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise InvalidValue("when", "must be a datetime with an offset, such as datetime.now(UTC)")
        return self._attempt.durable.sleep(max(0.0, (when - datetime.now(UTC)).total_seconds()))

    def wait_for_signal(self, name: str, *, timeout: float | None = None) -> Any:
        """The value of the next signal `name` that was sent to this task, and that it has not taken.

        It holds no worker meanwhile, as `sleep`. In a coroutine the call is awaited. Raises `WaitTimeout` when
        `timeout` seconds are over, and `InvalidValue`.
        """
        check_name("name", name)
        calls = self._attempt.durable
        return calls.then(calls.wait_for_signal([name], _timeout(timeout)), _signal_value)

    def wait_for_any(self, *names: str, timeout: float | None = None) -> "Signal":
        """The next signal with one of these names, as a `Signal` with `name` and `value`. As `wait_for_signal`."""
        if not names:
            raise InvalidValue("names", "must be the names of signals")
        for name in names:
            check_name("names", name)
        calls = self._attempt.durable
        return calls.then(calls.wait_for_signal(list(names), _timeout(timeout)), _signal)

    @overload
    def wait_for_task(self, task: "Readable[R]", *, timeout: float | None = None) -> R: ...
    @overload
    def wait_for_task(self, task: str | UUID, *, timeout: float | None = None) -> Any: ...
    def wait_for_task(self, task: Any, *, timeout: float | None = None) -> Any:
        """The result of another task, a `TaskRef` or an id, once it has completed.

        It holds no worker meanwhile, as `sleep`. In a coroutine the call is awaited. Raises `TaskFailed` if that task
        has no result, `WaitTimeout` when `timeout` seconds are over, and `InvalidValue`.
        """
        task_id = str(task) if isinstance(task, UUID) else getattr(task, "task_id", task)
        if not isinstance(task_id, str) or not is_id(task_id):
            raise InvalidValue("task", "must be a TaskRef or the id of a task")
        if task_id.lower() == self.id:
            raise InvalidValue("task", "is this task itself, which can't wait for its own end")
        read = getattr(task, "__lapinq_read__", msgspec.json.decode)
        calls = self._attempt.durable
        return calls.then(
            calls.wait_for_task(task_id.lower(), _timeout(timeout)),
            lambda row: _task_result(task_id, row, read),
        )

    def using(self, connection: object) -> "InTransaction":
        """For a step that is stored in the transaction of `connection`, together with what else that writes:
        `task.using(session).step("charge", charge, order)`.

        `connection` is one that `Task.using` takes, to the database of lapinq. Its errors are those of the driver. If
        the lease is lost, `step` raises `LeaseLost`: roll back. Raises TypeError for anything else.
        """
        return InTransaction(self._attempt, connection)

    def spawn(self, task: "Spawnable[P, Spawned]", /, *args: P.args, **kwargs: P.kwargs) -> Spawned:
        """Enqueues a call of `task` once in the life of this task, and gives its `TaskRef`.

        In a coroutine the call is awaited. It is a step with the name of `task`, or the `ref` of its options, which
        tells apart calls of one task that several coroutines or threads make at once. The new task and the step are
        stored in one commit. Raises as `task.queue` does, and as `step`.
        """
        if not hasattr(task, "__lapinq_spawn__"):
            raise InvalidValue("task", "must be a task, a function below @queue.task, and not a call of it")
        return self._attempt.durable.spawn(task.__lapinq_spawn__(*args, **kwargs))

    def signal_url(
        self,
        name: str,
        *,
        title: str | None = None,
        text: str | None = None,
        expires: float = LINK_SECONDS,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """A link by which a person without an account sends this task the signal `name`, once.

        Its page shows `title` and `text`, and a form with the fields of `schema`: a JSON schema of an object with
        strings, numbers, booleans and enums. What they enter is the value of the signal; without `schema` they only
        confirm, and it is None. After `expires` seconds the link no longer works. Only a hash of its token is stored.
        So a later attempt gets another link, to the same decision: the n-th with this name in the task, or in the step
        in which it is asked for. Ask in a step that sends it, and it is sent once. In a coroutine the call is awaited.
        Raises `InvalidValue`, `StepRefused` for more links to one decision than are kept, and `LeaseLost`.
        """
        check_name("name", name)
        _words("title", title, MAX_LINK_TITLE)
        _words("text", text, MAX_LINK_TEXT)
        seconds = _seconds("expires", expires)
        if not 0 < seconds <= MAX_LINK_SECONDS:
            raise InvalidValue(
                "expires", f"must be more than 0 and at most {MAX_LINK_SECONDS:,} seconds, a year"
            )
        form = None if schema is None else schema_text(schema)
        return self._attempt.durable.link(name, seconds, title, text, form)

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


class InTransaction:
    """What `CurrentTask.using` gives."""

    __slots__ = ("_calls", "_into")

    def __init__(self, attempt: Attempt, connection: object) -> None:
        self._calls = attempt.durable
        self._into = attempt.storing(connection)

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        key: str | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def step(
        self, name: str, function: Callable[..., R], /, *args: Any, key: str | None = None, **kwargs: Any
    ) -> R: ...
    def step(
        self, name: str, function: Callable[..., Any], /, *args: Any, key: str | None = None, **kwargs: Any
    ) -> Any:
        """As `CurrentTask.step`. It is stored if the transaction commits."""
        return self._calls.step(name, function, args, kwargs, key, self._into)


class Signal(msgspec.Struct, frozen=True):
    """A signal that a task took."""

    name: str
    value: Any


def _seconds(field: str, seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_SECONDS:
        raise InvalidValue(field, f"must be a number of seconds from 0 to {MAX_SECONDS:,}")
    return float(seconds)


def _words(field: str, text: object, most: int) -> None:
    if text is None:
        return
    if not isinstance(text, str):
        raise InvalidValue(field, "must be a string")
    check_json(field, text)
    if len(text) > most:
        raise InvalidValue(field, f"must have at most {most:,} characters")


def _timeout(seconds: float | None) -> float | None:
    return None if seconds is None else _seconds("timeout", seconds)


def _signal_value(row: Row) -> Any:
    return msgspec.json.decode(row.result or "null")


def _signal(row: Row) -> Signal:
    return Signal(row.taken or "", _signal_value(row))


def _task_result(task_id: str, row: Row, read: Callable[[str], Any]) -> Any:
    if row.outcome == "completed":
        return read(row.result or "null")
    error, status = _signal_value(row), row.taken or ""
    ended = {"failed": "failed", "expired": "expired", "deleted": "does not exist, or no longer"}.get(
        status, f"was {status}"
    )
    message = f"task {task_id} {ended}" + (f": {error}" if error else "")
    raise TaskFailed(message, task_id=task_id, status=status, error=error)


class Readable(Protocol[Result]):
    """The `TaskRef` of a task with that result."""

    def __lapinq_read__(self, result: str) -> Result: ...


class Spawnable(Protocol[P, Spawned]):
    """A task of the client."""

    def __lapinq_spawn__(self, *args: P.args, **kwargs: P.kwargs) -> Spawning[Spawned]: ...


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
