"""What a function's decorator says about how workers run it. It belongs to the function and is not stored."""

import msgspec

from lapinq_core.domain.errors import TimeLimit
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.retry import RetrySchedule

HANDLING = "__lapinq_handling__"
"""The attribute of a decorated function that holds its handling."""


class Handling(msgspec.Struct, frozen=True):
    """`retry` is the schedule of retries; exceptions in `no_retry_for` fail the task immediately, and if there is a
    `retry_for`, so do all others than those in it.

    `middleware` wraps the function, the first outermost. `typed` is whether arguments arrive as annotated.
    `version` is that of the steps of a durable task.
    """

    retry: RetrySchedule | None = None
    no_retry_for: tuple[type[BaseException], ...] = ()
    middleware: tuple[Middleware, ...] = ()
    typed: bool = True
    retry_for: tuple[type[BaseException], ...] | None = None
    version: str | None = None

    @property
    def retries_time_limit(self) -> bool:
        """Whether a task that has reached its time limit is retried."""
        is_wanted = self.retry_for is None or issubclass(TimeLimit, self.retry_for)
        return is_wanted and not issubclass(TimeLimit, self.no_retry_for)
