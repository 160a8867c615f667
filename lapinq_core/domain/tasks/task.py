"""The options of a task, and the rules for their values."""

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.functions.module_name import is_file, is_module_name, module_of
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.limit_rules import check_lane, check_limits
from lapinq_core.domain.tasks.retry import MAX_RETRIES
from lapinq_core.domain.tasks.unique import Debounce, Unique, check_debounce, check_unique

MAX_NAME = 255
MAX_MODULE_PATH = 1000
MAX_DEPTH = 100
MAX_URL = 2000
SCHEDULE_HORIZON = timedelta(days=36_525)  # a hundred years


class NewTask(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task to enqueue; the caller creates the `id` (`ids.new_ids`).

    Its JSON leaves out what has its default value, and the statements that store it know the defaults.

    `ttl_seconds` 0 means fire and forget: it leaves no record. `scheduled_at` has an offset. `timeout_seconds` limits
    one attempt; without it the worker's limit applies. `request_id` is the id of the request that enqueues it, if
    there is one. With `profile`, each attempt keeps a profile. `key` is what the task is about: rules of the queue for
    each key go by it. `limits` are the units that it takes from named limits. It has at most one of `unique` and
    `debounce`. `is_blocked`: it waits for other tasks of its workflow.
    """

    id: str
    task_name: str
    module_path: str
    queue_name: str = "default"
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    scheduled_at: datetime | None = None
    max_retries: int = 3
    priority: int = 0
    ttl_seconds: float | None = None
    metadata: dict[str, Any] | None = None
    retry_delay: float = 10.0
    retry_backoff: bool = True
    webhook_url: str | None = None
    timeout_seconds: float | None = None
    request_id: str | None = None
    profile: bool = False
    key: str | None = None
    limits: dict[str, int] | None = None
    unique: Unique | None = None
    debounce: Debounce | None = None
    is_blocked: bool = False

    @property
    def is_transient(self) -> bool:
        """Whether it is fire and forget, and leaves no record. With a key, limits or a unique key it has one until it
        ends."""
        return self.ttl_seconds == 0 and self.key is None and not self.limits and self.unique_key is None

    @property
    def unique_key(self) -> str | None:
        """The key that it holds in its queue."""
        held = self.unique or self.debounce
        return None if held is None else held.key


def check_task(task: NewTask, now: datetime) -> NewTask:
    """`task` with UTC set for a `scheduled_at` without an offset.

    The caller checks types; this checks the values. Raises `InvalidValue` naming the field.
    """
    check_shared(task, now)
    check_own(task)
    return task


def check_shared(task: NewTask, now: datetime) -> None:
    """As `check_task`, all that many tasks may have in common."""
    check_name("task_name", task.task_name)
    check_name("queue_name", task.queue_name)
    check_module_path(task.module_path)
    _check_range("max_retries", task.max_retries, 0, MAX_RETRIES)
    _check_range("priority", task.priority, -(2**31), 2**31 - 1)
    _check_seconds("retry_delay", task.retry_delay)
    if task.ttl_seconds is not None:
        _check_seconds("ttl_seconds", task.ttl_seconds)
    if task.timeout_seconds is not None:
        _check_seconds("timeout_seconds", task.timeout_seconds)
        if task.timeout_seconds == 0:
            raise InvalidValue("timeout_seconds", "must be more than 0")
    if task.limits is not None:
        check_limits(task.limits)
    if task.unique is not None or task.debounce is not None:
        _check_unique_key(task)
    if task.webhook_url is not None:
        check_url("webhook_url", task.webhook_url)
    if task.scheduled_at is not None:
        task.scheduled_at = _check_scheduled_at(task.scheduled_at, now)


def check_own(task: NewTask) -> None:
    """As `check_task`, what each of many tasks has for itself, key, arguments and metadata, and what depends on it."""
    if task.profile and task.is_transient:
        raise InvalidValue("profile", "cannot be kept of a fire-and-forget task (ttl_seconds 0)")
    if task.key is not None:
        check_key("key", task.key)
    if task.key is not None or task.limits is not None:
        check_lane(task.queue_name, task.key, task.limits)
    if task.args:
        check_json("args", task.args)
    if task.kwargs:
        check_json("kwargs", task.kwargs)
    if task.metadata:
        check_json("metadata", task.metadata)


def _check_unique_key(task: NewTask) -> None:
    if task.unique is not None:
        check_unique(task.unique)
    if task.debounce is not None:
        if task.unique is not None:
            raise InvalidValue("debounce", "cannot be combined with unique")
        if task.scheduled_at is not None:
            raise InvalidValue("debounce", "cannot be combined with scheduled_at")
        check_debounce(task.debounce)


@lru_cache(maxsize=1000)
def check_name(loc: str, name: str) -> None:
    """A queue or task name: 1 to 255 printable characters. Raises `InvalidValue`."""
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidValue(loc, f"must have 1 to {MAX_NAME} characters")
    if not name.isprintable() or name.isspace():
        raise InvalidValue(loc, "must have printable characters only")


@lru_cache(maxsize=1000)
def check_module_path(path: str) -> None:
    """A dotted Python name. Raises `InvalidValue`."""
    if len(path) > MAX_MODULE_PATH or not is_module_name(path):
        meant = module_of(path) if is_file(path) and len(path) <= MAX_NAME else None
        raise InvalidValue(
            "module_path", f"must be a dotted Python module name such as {meant or 'app.tasks'}"
        )


def check_json(loc: str, value: object, *, depth: int = 0) -> None:
    """Checks a JSON value that PostgreSQL can store: no NUL in strings, finite numbers, at most 100 levels deep.

    Raises `InvalidValue` that names the place inside `loc`.
    """
    if isinstance(value, str):
        if "\x00" in value:
            raise InvalidValue(loc, "must not contain the character NUL")
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise InvalidValue(loc, "must not contain half of a surrogate pair")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValue(loc, "must be a finite number")
    elif isinstance(value, (list, dict)):
        if depth >= MAX_DEPTH:
            raise InvalidValue(loc, f"must not be nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                if not _is_plain(item):
                    check_json(f"{loc}[{index}]", item, depth=depth + 1)
        else:
            for key, item in cast("dict[object, object]", value).items():
                if not _is_plain(key):
                    check_json(loc, key, depth=depth)
                if not _is_plain(item):
                    check_json(f"{loc}.{key}", item, depth=depth + 1)


def _is_plain(value: object) -> bool:
    """Whether it is a value as most are, and needs no closer look and no name of its place."""
    kind = type(value)
    if kind is str:
        text = cast("str", value)
        return text.isascii() and "\x00" not in text
    return kind is int or value is None or kind is bool


def _check_range(loc: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidValue(loc, f"must be between {lowest} and {highest}")


def _check_seconds(loc: str, value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= MAX_SECONDS):
        raise InvalidValue(loc, f"must be a number of seconds between 0 and {MAX_SECONDS} (ten years)")


def check_url(loc: str, url: str) -> None:
    """A URL to which something is sent. Raises `InvalidValue`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise InvalidValue(loc, f"must be an http or https URL with a host, at most {MAX_URL} characters")


def _check_scheduled_at(at: datetime, now: datetime) -> datetime:
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    try:
        within = abs(at - now) <= SCHEDULE_HORIZON
        return at.astimezone(UTC) if within else _too_far()
    except OverflowError:
        return _too_far()


def _too_far() -> datetime:
    raise InvalidValue("scheduled_at", "must be within a hundred years from now")
