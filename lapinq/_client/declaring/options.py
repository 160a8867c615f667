"""The options of enqueueing a task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict

from lapinq._client.entries.scheduled_at import read_scheduled_at
from lapinq_core.domain.interval import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from lapinq._client.declaring.computed import KeyOption, LimitsOption
    from lapinq._client.declaring.unique import DebounceOptions, UniqueOption


class TaskOptions(TypedDict, total=False):
    """None stands for the queue's default, or the server's."""

    queue_name: str | None
    scheduled_at: str | datetime | None
    delay: float | timedelta | None
    countdown: float | timedelta | None
    max_retries: int | None
    priority: int | None
    ttl_seconds: float | None
    metadata: dict[str, Any] | None
    retry_delay: float | None
    retry_backoff: bool | None
    webhook_url: str | None
    timeout: float | None
    idempotency_key: str | None
    profile: bool | None
    key: KeyOption | None
    limits: LimitsOption | None
    unique: UniqueOption | None
    debounce: DebounceOptions | None
    after: Iterable[Any] | None
    after_failure: Literal["cancel", "run", "fail"] | None
    ref: str | None


SHOWN_OPTIONS = (
    "queue_name",
    "max_retries",
    "priority",
    "ttl_seconds",
    "retry_delay",
    "retry_backoff",
    "timeout",
)
"""Options without secrets, which anyone who may read may see."""


def refuse_unknown_options(unknown: Iterable[str], known: Iterable[str]) -> NoReturn:
    """Raises the TypeError for options that a task doesn't have."""
    from lapinq._client.declaring.other_libraries import instead_of_option  # needed after mistakes only
    from lapinq_core.domain.nearest import did_you_mean

    known = list(known)
    named = (repr(name) + (instead_of_option(name) or did_you_mean(name, known)) for name in sorted(unknown))
    raise TypeError(f"a task has no option {', '.join(named)}")


def check_options(options: Mapping[str, Any], *, raise_errors: bool) -> None:
    """Raises TypeError for a value of the wrong type, and `InvalidValue` for one that the server would refuse, or for a
    time without a zone. `raise_errors` is that of the queue.

    `key`, `limits`, `unique`, `debounce` and the place in a workflow are checked elsewhere.
    """
    if options.get("timeout") is not None:
        check_timeout(options["timeout"])
    metadata = options.get("metadata")
    if isinstance(metadata, (str, bytes, int, float, list, tuple, set)):  # a dataclass is an object too
        raise TypeError(f"metadata must be a dict, not {metadata!r}")
    given = {option: options[option] for option in _TYPES if options.get(option) is not None}
    for option, value in given.items():
        _check_type(option, value, *_TYPES[option])
    ruled = {option: value for option, value in given.items() if option not in _WITHOUT_RULES}
    if options.get("scheduled_at") is not None:
        ruled["scheduled_at"] = read_scheduled_at(options["scheduled_at"], raise_errors=raise_errors)
    if ruled and ruled != _DEFAULTS:
        from lapinq_core.domain.tasks.task import NewTask, check_task  # declaring a plain task needs no rules

        check_task(NewTask(id="", task_name="task", module_path="module", **ruled), datetime.now(UTC))


def check_queue(queue_name: object, timeout: object, default_ttl_seconds: object) -> None:
    """Raises TypeError and ValueError for settings of a queue."""
    _check_type("queue_name", queue_name, *_TEXT)
    check_timeout(timeout)
    if default_ttl_seconds is not None:
        _check_type("default_ttl_seconds", default_ttl_seconds, *_SECONDS)


def check_timeout(timeout: Any) -> None:
    """Raises TypeError and ValueError for anything but a time limit."""
    _check_type("timeout", timeout, *_SECONDS)
    if not 0 < timeout <= MAX_SECONDS:
        raise ValueError(
            f"timeout must be more than 0 and at most {MAX_SECONDS} seconds (ten years), not {timeout!r}"
        )


def _check_type(name: str, value: object, types: tuple[type, ...], told: str) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError(f"{name} must be {told}, not {value!r}")


_INTEGER = ((int,), "an integer")
_SECONDS = ((int, float), "a number of seconds")
_TEXT = ((str,), "a str")
_FLAG = ((bool,), "True or False")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "queue_name": _TEXT,
    "max_retries": _INTEGER,
    "priority": _INTEGER,
    "ttl_seconds": _SECONDS,
    "retry_delay": _SECONDS,
    "retry_backoff": _FLAG,
    "webhook_url": _TEXT,
    "profile": _FLAG,
}
_WITHOUT_RULES = ("retry_backoff", "profile")
_DEFAULTS = {"priority": 0}
"""What the decorator is given if it is given nothing."""
