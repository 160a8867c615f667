"""The body of a webhook, what an answer means, and when a failed delivery is retried. Pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

import msgspec

GIVE_UP_SECONDS = 86_400.0
"""How long deliveries of one event are retried, from its end or from a resend."""
MAX_WAIT_SECONDS = 3600.0
"""The longest pause between two deliveries, whatever the receiver asks for."""
JITTER = 0.2
_WAITS = (5.0, 30.0, 120.0, 600.0, 1800.0)


class WebhookState(StrEnum):
    """The state of a webhook."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a task as its webhook reports it; the fields of the body, in order, before the audience.

    `event_id` is the same for all deliveries. `result` is the return value as JSON text. Times are ISO 8601 in UTC.
    """

    task_id: str
    status: str
    result: str | None
    error: str | None
    event_id: str
    task_name: str
    queue_name: str
    attempt: int
    started_at: str | None
    finished_at: str


class Delivered(msgspec.Struct, frozen=True):
    """The receiver accepted it with the status `answer`. `remark` is what it did not do, in a few words."""

    answer: int
    remark: str | None = None


class Undelivered(msgspec.Struct, frozen=True):
    """The receiver did not accept it, or gave no answer.

    `failure` is the reason in a few words, `answer` the status if there is one. `wait` is how many seconds the
    receiver asked to wait; `is_final` if it refuses further deliveries.
    """

    failure: str
    answer: int | None = None
    wait: float = 0.0
    is_final: bool = False


def body_of(event: Event, audience: str) -> bytes:
    """The body, which is signed byte by byte. `audience` is the receiver's URL: others must not take it for theirs."""
    return msgspec.json.encode({**msgspec.structs.asdict(event), "audience": audience})


def judge(status: int, retry_after: str | None, now: datetime) -> Delivered | Undelivered:
    """The meaning of an answer: only 2xx is success, redirects are not followed, 410 is final."""
    if 200 <= status < 300:
        return Delivered(status)
    if 300 <= status < 400:
        return Undelivered(f"it answered {status}, and redirects are not followed", status)
    if status == HTTPStatus.GONE:
        return Undelivered("it answered 410: it refuses further deliveries", status, is_final=True)
    asks = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return Undelivered(f"it answered {status}", status, _asked_wait(retry_after, now) if asks else 0.0)


def next_wait(tries: int, rand: float, asked: float = 0.0) -> float:
    """Seconds until the next delivery, after delivery number `tries` (the first is 1); `rand` is in [0, 1).

    5 s, 30 s, 2 min, 10 min, 30 min, then an hour each, varied by 20 % either way; never sooner than `asked`.
    """
    step = _WAITS[tries - 1] if tries <= len(_WAITS) else MAX_WAIT_SECONDS
    return max(step * (1 - JITTER + 2 * JITTER * rand), asked)


def _asked_wait(header: str | None, now: datetime) -> float:
    """The seconds in `Retry-After`, a number or a date, within bounds; 0 if it cannot be parsed."""
    if header is None:
        return 0.0
    if header.isascii() and header.isdigit():
        # Before int(), which takes time for very long ones.
        return min(float(header[:10]), MAX_WAIT_SECONDS)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max((at - now).total_seconds(), 0.0), MAX_WAIT_SECONDS)
