"""The options of enqueueing a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

from lapinq_core.domain.interval import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from lapinq._client.declaring.computed import KeyOption, LimitsOption
    from lapinq._client.declaring.unique import DebounceOptions, UniqueOption


class TaskOptions(TypedDict, total=False):
    """None stands for the queue's default, or the server's."""

    queue_name: str | None
    scheduled_at: str | datetime | None
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
    from lapinq_core.domain.nearest import did_you_mean  # needed after mistakes only

    known = list(known)
    named = (repr(name) + did_you_mean(name, known) for name in sorted(unknown))
    raise TypeError(f"a task has no option {', '.join(named)}")


def check_timeout(options: Mapping[str, Any]) -> None:
    """Raises TypeError and ValueError for a `timeout` that is no time limit."""
    timeout = options.get("timeout")
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 < timeout <= MAX_SECONDS:
        raise ValueError(
            f"timeout must be more than 0 and at most {MAX_SECONDS} seconds (ten years), not {timeout!r}"
        )
