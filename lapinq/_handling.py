"""What the decorator says of how a worker runs the function: it stays with the function and is not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.retry import Delays, as_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapinq_core.domain.handling import Handling
    from lapinq_core.domain.middleware import Middleware
    from lapinq_core.domain.retry import RetrySchedule

    NoRetryFor = type[BaseException] | tuple[type[BaseException], ...]

_OTHER_WORDS_FOR_RETRY = ("retry_delay", "retry_backoff")


def make_handling(
    retry: RetrySchedule | Sequence[float] | None,
    no_retry_for: NoRetryFor | None,
    middleware: tuple[Middleware, ...],
) -> Handling | None:
    """None when there is nothing to say. Raises TypeError and `InvalidValue` for what makes no sense."""
    if retry is None and not no_retry_for and not middleware:
        return None
    from lapinq_core.domain.handling import Handling

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


def implied_retries(handling: Handling | None) -> int | None:
    """How many retries the schedule itself is made for: one for each wait in a list."""
    schedule = None if handling is None else handling.retry
    return len(schedule.seconds) if isinstance(schedule, Delays) else None


def _schedule(retry: Any) -> RetrySchedule:
    try:
        if isinstance(retry, (str, bytes)):
            raise TypeError(repr(retry))
        return as_schedule(retry)
    except InvalidValue as error:
        raise InvalidValue(f"retry.{error.loc}", error.msg) from None
    except TypeError:
        raise TypeError(
            f"retry must be FixedDelay, Backoff, Delays or a list of seconds, not {retry!r}"
        ) from None


def _exception_types(given: Any) -> tuple[type[BaseException], ...]:
    types = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else (given,)
    for one in types:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"no_retry_for must be an exception type or a tuple of them, not {given!r}")
    return types
