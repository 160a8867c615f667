"""How a worker handles the function: retries, middleware, typing. They stay with the function and are not sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.retry import MAX_RETRIES, Backoff, Delays, FixedDelay, as_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapinq_core.domain.tasks.functions.handling import Handling
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import RetrySchedule

    ExceptionTypes = type[BaseException] | tuple[type[BaseException], ...]

_DELAY_OPTIONS = ("retry_delay", "retry_backoff")
MAX_VERSION = 100
_NOT_A_LIST = (str, bytes, bytearray, memoryview, Set, Mapping)


def make_handling(
    retry: RetrySchedule | Sequence[float] | None,
    retry_for: ExceptionTypes | None,
    no_retry_for: ExceptionTypes | None,
    middleware: tuple[Middleware, ...],
    *,
    typed: bool = True,
    version: str | None = None,
) -> Handling | None:
    """None if all of it is left at the defaults. Raises TypeError and `InvalidValue`."""
    if version is not None:
        _check_version(version)
    elif retry is None and retry_for is None and not no_retry_for and not middleware and typed:
        return None
    from lapinq_core.domain.tasks.functions.handling import Handling

    schedule = None if retry is None else _schedule(retry)
    return Handling(
        schedule,
        _exception_types("no_retry_for", no_retry_for or ()),
        middleware,
        typed,
        None if retry_for is None else _exception_types("retry_for", retry_for),
        version,
    )


def check_retry_options(handling: Handling | None, options: Mapping[str, Any]) -> None:
    """Raises TypeError if `options` set delays besides a retry schedule."""
    if handling is None or handling.retry is None:
        return
    given = [option for option in _DELAY_OPTIONS if options.get(option) is not None]
    if given:
        raise TypeError(
            f"{' and '.join(given)} cannot be combined with retry=, which already sets the delays"
        )


def implied_retries(handling: Handling | None) -> int | None:
    """A list of delays implies as many retries. Other schedules imply no number."""
    schedule = None if handling is None else handling.retry
    return len(schedule.seconds) if isinstance(schedule, Delays) else None


def _check_version(version: object) -> None:
    if not isinstance(version, str):
        raise TypeError(f'version must be a str, such as "2", not {version!r}')
    if not version.strip() or not version.isprintable():
        raise InvalidValue("version", "must be printable and not empty")
    if len(version) > MAX_VERSION:
        raise InvalidValue("version", f"must have at most {MAX_VERSION} characters")


def _schedule(retry: Any) -> RetrySchedule:
    if isinstance(retry, (FixedDelay, Backoff)):
        return retry
    given: Any = retry.seconds if isinstance(retry, Delays) else retry
    # These are iterable, but strings yield strings, sets have no order and mappings yield only their keys.
    if isinstance(given, (type, *_NOT_A_LIST)) or not isinstance(given, Iterable):
        raise TypeError(f"retry must be FixedDelay, Backoff, Delays or a list of seconds, not {retry!r}")
    delays = tuple(islice(cast("Iterable[Any]", given), MAX_RETRIES + 1))  # it may be endless
    if len(delays) > MAX_RETRIES:
        raise ValueError(f"retry must have at most {MAX_RETRIES} delays: a task has no more retries")
    try:
        return as_schedule(delays)
    except InvalidValue as error:
        raise InvalidValue(f"retry.{error.loc}", error.msg) from None


def _exception_types(option: str, given: Any) -> tuple[type[BaseException], ...]:
    types = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else (given,)
    for one in types:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"{option} must be an exception type or a tuple of them, not {given!r}")
    return types
