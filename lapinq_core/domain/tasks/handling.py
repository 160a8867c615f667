"""What a function's decorator says of how a worker runs it. It stays with the function and is not stored."""

import msgspec

from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.retry import RetrySchedule

HANDLING = "__lapinq_handling__"
"""The attribute by which a decorated function carries its handling."""


class Handling(msgspec.Struct, frozen=True):
    """`retry` says how long to wait between attempts; what is raised of `no_retry_for` fails the task at once.

    `middleware` goes around the function, the first outermost.
    """

    retry: RetrySchedule | None = None
    no_retry_for: tuple[type[BaseException], ...] = ()
    middleware: tuple[Middleware, ...] = ()
