"""What the decorator says of how a worker runs the function: it stays with the function and is not sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.retry import MAX_RETRIES, Backoff, Delays, FixedDelay, as_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapinq_core.domain.tasks.handling import Handling
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import RetrySchedule

    NoRetryFor = type[BaseException] | tuple[type[BaseException], ...]

_OTHER_WORDS_FOR_RETRY = ("retry_delay", "retry_backoff")
_NO_WAITS = (str, bytes, bytearray, memoryview, Set, Mapping)


def make_handling(
    retry: RetrySchedule | Sequence[float] | None,
    no_retry_for: NoRetryFor | None,
    middleware: tuple[Middleware, ...],
) -> Handling | None:
    """None when there is nothing to say. Raises TypeError and `InvalidValue` for what makes no sense."""
    if retry is None and not no_retry_for and not middleware:
        return None
    from lapinq_core.domain.tasks.handling import Handling

    schedule = None if retry is None else _schedule(retry)
    return Handling(schedule, _exception_types(no_retry_for or ()), middleware)


def check_retry_options(handling: Handling | None, options: Mapping[str, Any]) -> None:
    """Raises TypeError when `options` speak of what the retry schedule says."""
    if handling is None or handling.retry is None:
        return
    doubled = [option for option in _OTHER_WORDS_FOR_RETRY if options.get(option) is not None]
    if doubled:
        raise TypeError(
            f"{' and '.join(doubled)} cannot stand beside retry=, which says how long to wait; give one of them"
        )


def check_timeout(options: Mapping[str, Any]) -> None:
    """Raises TypeError and ValueError for a `timeout` that no attempt can have."""
    timeout = options.get("timeout")
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 < timeout <= MAX_SECONDS:
        raise ValueError(
            f"timeout must be more than 0 and at most {MAX_SECONDS} seconds (ten years), not {timeout!r}"
        )


def implied_retries(handling: Handling | None) -> int | None:
    """How many retries the schedule itself is made for: one for each wait in a list."""
    schedule = None if handling is None else handling.retry
    return len(schedule.seconds) if isinstance(schedule, Delays) else None


def _schedule(retry: Any) -> RetrySchedule:
    if isinstance(retry, (FixedDelay, Backoff)):
        return retry
    given: Any = retry.seconds if isinstance(retry, Delays) else retry
    # Texts are made of texts, sets have no order, and of a mapping the keys alone would count.
    if isinstance(given, (type, *_NO_WAITS)) or not isinstance(given, Iterable):
        raise TypeError(f"retry must be FixedDelay, Backoff, Delays or a list of seconds, not {retry!r}")
    waits = tuple(islice(cast("Iterable[Any]", given), MAX_RETRIES + 1))  # it may be endless
    if len(waits) > MAX_RETRIES:
        raise ValueError(f"retry must hold at most {MAX_RETRIES} waits: a task has no more retries")
    try:
        return as_schedule(waits)
    except InvalidValue as error:
        raise InvalidValue(f"retry.{error.loc}", error.msg) from None


def _exception_types(given: Any) -> tuple[type[BaseException], ...]:
    types = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else (given,)
    for one in types:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"no_retry_for must be an exception type or a tuple of them, not {given!r}")
    return types
