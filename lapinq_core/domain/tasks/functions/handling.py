"""What a function's decorator says about how workers run it. It belongs to the function and is not stored."""

import msgspec

from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.retry import RetrySchedule

HANDLING = "__lapinq_handling__"
"""The attribute of a decorated function that holds its handling."""


class Handling(msgspec.Struct, frozen=True):
    """`retry` is the schedule of retries; exceptions in `no_retry_for` fail the task immediately.

    `middleware` wraps the function, the first outermost. `typed` is whether arguments arrive as annotated.
    """

    retry: RetrySchedule | None = None
    no_retry_for: tuple[type[BaseException], ...] = ()
    middleware: tuple[Middleware, ...] = ()
    typed: bool = True
