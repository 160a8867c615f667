"""The root error, and the errors with a meaning in the domain."""

from typing import SupportsFloat


class LapinqError(Exception):
    """Something in lapinq went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().partition("\n")[0])


class RetryError(LapinqError):
    """The task asks to be retried.

    Raise it inside a task. It uses up one retry like any other failure, but the delay is `countdown` seconds instead
    of the task's own delay and backoff. Raises TypeError if `countdown` is not a number.
    """

    def __init__(self, countdown: float = 10, message: str | None = None) -> None:
        try:
            seconds = float(countdown)
        except (TypeError, ValueError):
            raise TypeError(
                f"countdown must be a number of seconds, not {countdown!r}: write RetryError(60, 'the reason')"
            ) from None
        super().__init__(message or f"retry in {seconds:g} s")
        self.countdown = countdown

    def __reduce__(self) -> tuple[type["RetryError"], tuple[float, str]]:
        return type(self), (self.countdown, str(self))


class Cancel(LapinqError):
    """The task cancels itself.

    Raise it inside a task: the task ends as cancelled, with the reason, and is not retried.
    """

    def __init__(self, reason: str = "the task cancelled itself") -> None:
        super().__init__(reason)


class Snooze(LapinqError):
    """The task asks to run later without using up a start.

    Raise it inside a task: it runs again after `seconds` and uses up neither a start nor a retry, so only its time to
    live limits how often it may snooze. Raises TypeError if `seconds` is not a number.
    """

    def __init__(self, seconds: float = 10) -> None:
        # A string or a timedelta would otherwise show only as a failed task.
        if isinstance(seconds, bool) or not isinstance(seconds, SupportsFloat):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError(f"seconds must be a number, not {seconds!r}")
        super().__init__(f"snoozed for {seconds:g} s")
        self.seconds = seconds

    def __reduce__(self) -> tuple[type["Snooze"], tuple[float]]:
        return type(self), (self.seconds,)


class RateLimited(LapinqError):
    """What is behind a named limit accepts no more work for now.

    Raise it inside a task: the limit `limit` is closed for `after` seconds, at most a day, so that no task that takes
    from it starts. This one keeps its place and runs again when the limit opens, without using up a start or a retry.
    If it doesn't take from that limit, it waits `after` seconds as well; if there is no such limit, the attempt fails.
    Raises TypeError if `limit` is not a string or `after` not a number.
    """

    def __init__(self, limit: str, after: float = 30) -> None:
        if not isinstance(limit, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError("limit must be the name of a limit")
        if isinstance(after, bool) or not isinstance(after, SupportsFloat):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError("after must be a number of seconds")
        super().__init__(f"the limit {limit} is closed for {after:g} s")
        self.limit = limit
        self.after = after

    def __reduce__(self) -> tuple[type["RateLimited"], tuple[str, float]]:
        return type(self), (self.limit, self.after)


class LeaseLost(LapinqError):
    """The task's lease was lost: another worker may be running it."""


class NoTask(LapinqError):
    """`current_task` was called outside a task."""


class TimeLimit(BaseException):
    """The task reached its time limit.

    Raised in a plain function that runs in a child process, wherever it is at that moment; soon after, the process is
    killed. It is not a subclass of Exception, like asyncio.CancelledError, so an `except Exception` does not catch it.
    """

    def __init__(self, limit: float) -> None:
        super().__init__(f"time limit of {limit:g} s reached")
        self.limit = limit

    def __reduce__(self) -> tuple[type["TimeLimit"], tuple[float]]:
        return type(self), (self.limit,)


class TaskFailed(LapinqError):
    """The task has no result: it failed, was cancelled or expired.

    `status` says which, `error` is the stored error.
    """

    def __init__(
        self, message: str | None = None, *, task_id: str = "", status: str = "", error: str | None = None
    ) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.status = status
        self.error = error


class WaitTimeout(LapinqError, TimeoutError):
    """What a durable task waited for did not come in time.

    Raised in every attempt that comes to this wait, also if the signal or the task's end comes later.
    """


class StepRefused(LapinqError):
    """A step or wait of a durable task can't be stored. The task fails without a retry, which would be refused too."""


class Suspend(BaseException):
    """Ends the attempt of a durable task that waits. It is not a subclass of Exception, so that an `except Exception`
    does not catch it; `finally` blocks run."""


class OtherVersion(BaseException):
    """This function is not of the version whose steps the task has; another worker goes on with it."""

    def __init__(self, needed: str | None = None, found: str | None = None) -> None:
        super().__init__(
            f"it needs {_version(needed)} of the function, and this worker has {_version(found)}"
        )
        self.needed = needed
        self.found = found

    def __reduce__(self) -> tuple[type["OtherVersion"], tuple[str | None, str | None]]:
        return type(self), (self.needed, self.found)


def _version(version: str | None) -> str:
    return "the one without a version" if version is None else f"version {version}"


class InvalidValue(LapinqError):
    """A value is invalid.

    `loc` names the field as the caller wrote it ("args", "[3].priority"); `msg` says what is wrong with it.
    """

    def __init__(self, loc: str, msg: str) -> None:
        super().__init__(f"{loc}: {msg}" if loc else msg)
        self.loc = loc
        self.msg = msg

    def __reduce__(self) -> tuple[type["InvalidValue"], tuple[str, str]]:
        return type(self), (self.loc, self.msg)


class TypeMismatch(LapinqError, TypeError):
    """A value does not fit its annotation.

    `argument` is the name of the parameter, or the index of an argument beyond them; None for a result.
    """

    def __init__(
        self, message: str | None = None, *, task_name: str = "", argument: str | int | None = None
    ) -> None:
        super().__init__(message)
        self.task_name = task_name
        self.argument = argument


for _error in (
    *(LapinqError, RetryError, Cancel, Snooze, RateLimited, LeaseLost, NoTask, TimeLimit),
    *(TaskFailed, WaitTimeout, StepRefused, Suspend, OtherVersion, InvalidValue, TypeMismatch),
):
    _error.__module__ = "lapinq.errors"  # where users import it from, for tracebacks and pickles
