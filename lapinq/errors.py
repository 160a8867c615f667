"""The exceptions of the client and of code in tasks. All but `TimeLimit` are a `LapinqError`."""

from lapinq_core.domain.errors import (
    Cancel,
    InvalidValue,
    LapinqError,
    LeaseLost,
    NoTask,
    RateLimited,
    RetryError,
    Snooze,
    StepRefused,
    TaskFailed,
    TimeLimit,
    TypeMismatch,
    WaitTimeout,
)

__all__ = [
    "Cancel",
    "InvalidValue",
    "LapinqError",
    "LeaseLost",
    "NoTask",
    "NotEnqueued",
    "NotPersisted",
    "RateLimited",
    "RequestRefused",
    "ResultTimeout",
    "RetryError",
    "ServerUnavailable",
    "Snooze",
    "StepRefused",
    "TaskFailed",
    "TaskNotImportable",
    "TimeLimit",
    "TypeMismatch",
    "WaitTimeout",
    "WebhookRefused",
]

# All arguments have defaults, because unpickling calls the class with the message alone and then sets the attributes.


class ServerUnavailable(LapinqError, ConnectionError):
    """The lapinq server could not be reached, or did not answer.

    `may_have_arrived` is False if the request was never sent, so that repeating it cannot enqueue twice. It is True if
    the connection broke or timed out later: the server may or may not have accepted the task.
    """

    def __init__(self, message: str | None = None, *, url: str = "", may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.url = url
        self.may_have_arrived = may_have_arrived


class RequestRefused(LapinqError):
    """The lapinq server refused the request.

    `error` is the server's message, or the beginning of an answer that is not lapinq's. `details` is the server's list
    of `{"loc", "msg"}` for invalid values, `request_id` the id of the request in the server's log, `task_id` the task
    that holds the unique key, if that is why.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        status_code: int = 0,
        error: str = "",
        details: list[dict[str, str]] | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.status_code = status_code
        self.error = error
        self.details = details or []
        self.request_id = request_id


class TaskNotImportable(LapinqError):
    """No worker could import this function, so it was not enqueued."""

    def __init__(self, message: str | None = None, *, task_name: str = "") -> None:
        super().__init__(message)
        self.task_name = task_name


class ResultTimeout(LapinqError, TimeoutError):
    """The task or workflow did not finish within the timeout of the wait.

    It goes on. `task_id` is its id, `status` is the last known status, None if the server never told one.
    """

    def __init__(self, message: str | None = None, *, task_id: str = "", status: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.status = status


class NotEnqueued(LapinqError):
    """The workflow has not been enqueued, so it and its tasks have no ids."""


class NotPersisted(LapinqError):
    """A task with `ttl_seconds` 0 has no id and no result, so there is nothing to wait for."""


class WebhookRefused(LapinqError):
    """A request is no genuine webhook of lapinq, or not for this receiver."""
