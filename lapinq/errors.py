"""The errors the client raises, and those that a task raises or meets. All but `TimeLimit` are a `LapinqError`."""

from lapinq_core.domain.errors import (
    Cancel,
    InvalidValue,
    LapinqError,
    LeaseLost,
    NoTask,
    RetryError,
    Snooze,
    TimeLimit,
)

__all__ = [
    "Cancel",
    "InvalidValue",
    "LapinqError",
    "LeaseLost",
    "NoTask",
    "NotPersisted",
    "RequestRefused",
    "ResultTimeout",
    "RetryError",
    "ServerUnavailable",
    "Snooze",
    "TaskFailed",
    "TaskNotImportable",
    "TimeLimit",
]

# Facts have defaults, so that an error survives pickling: it is made again from its message alone, then gets
# its attributes.


class ServerUnavailable(LapinqError, ConnectionError):
    """The lapinq server could not be reached, or did not answer.

    `may_have_arrived` is False when the request never left, so that repeating it cannot enqueue twice. It is
    True when the connection broke or time ran out after that: the work may or may not have been taken.
    """

    def __init__(self, message: str | None = None, *, url: str = "", may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.url = url
        self.may_have_arrived = may_have_arrived


class RequestRefused(LapinqError):
    """The lapinq server answered, and did not do what was asked.

    `error` is the server's own sentence, `details` its list of `{"loc", "msg"}` for values it could not
    accept, `request_id` what its log knows the request by.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        status_code: int = 0,
        error: str = "",
        details: list[dict[str, str]] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.error = error
        self.details = details or []
        self.request_id = request_id


class TaskNotImportable(LapinqError):
    """A worker could not import this function, so it is not enqueued."""

    def __init__(self, message: str | None = None, *, task_name: str = "") -> None:
        super().__init__(message)
        self.task_name = task_name


class ResultTimeout(LapinqError, TimeoutError):
    """The task had not finished when the time to wait for it ran out.

    The task itself is not affected. `status` is the last one seen, None when the server never said one.
    """

    def __init__(self, message: str | None = None, *, task_id: str = "", status: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.status = status


class TaskFailed(LapinqError):
    """The task whose value was asked for has none: it failed, was cancelled or expired.

    `status` says which, `error` what the server keeps of it.
    """

    def __init__(
        self, message: str | None = None, *, task_id: str = "", status: str = "", error: str | None = None
    ) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.status = status
        self.error = error


class NotPersisted(LapinqError):
    """A task with `ttl_seconds` 0 has no id and keeps no result, so there is nothing to wait for."""
