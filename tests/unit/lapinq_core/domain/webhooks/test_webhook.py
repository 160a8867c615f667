from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from lapinq_core.domain.webhooks.webhook import (
    Delivered,
    Event,
    Undelivered,
    body_of,
    judge,
    next_wait,
)

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_the_body_has_the_published_fields_first() -> None:
    event = Event(
        task_id="t",
        status="completed",
        result='"done"',
        error=None,
        event_id="e",
        task_name="add",
        queue_name="default",
        attempt=1,
        started_at="2030-01-31T12:00:00+00:00",
        finished_at="2030-01-31T12:00:01+00:00",
    )
    told = msgspec.json.decode(body_of(event, "https://a.example/b"))
    assert list(told)[:4] == ["task_id", "status", "result", "error"]
    assert told["audience"] == "https://a.example/b"


def at(**difference: float) -> str:
    return format_datetime(NOW + timedelta(**difference), usegmt=True)


@pytest.mark.parametrize(
    ("status", "retry_after", "outcome"),
    [
        (200, None, Delivered(200)),
        (299, None, Delivered(299)),
        (302, None, Undelivered("it answered 302, and redirects are not followed", 302)),
        (404, "60", Undelivered("it answered 404", 404)),
        (410, None, Undelivered("it answered 410: it refuses further deliveries", 410, is_final=True)),
        (429, "60", Undelivered("it answered 429", 429, 60.0)),
    ],
)
def test_what_an_answer_says(status: int, retry_after: str | None, outcome: Delivered | Undelivered) -> None:
    assert judge(status, retry_after, NOW) == outcome


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7200", 3600.0),
        ("9" * 5000, 3600.0),
        (at(seconds=90), 90.0),
        (at(days=-1), 0.0),
        (at(days=1), 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
        (f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT", 0.0),
        (f"Mon, 01 Jan 2030 00:00:00 +{'9' * 30}", 0.0),
    ],
)
def test_a_receiver_may_ask_for_up_to_an_hour(retry_after: str, seconds: float) -> None:
    assert judge(503, retry_after, NOW) == Undelivered("it answered 503", 503, seconds)


def test_tries_grow_apart_up_to_an_hour() -> None:
    waits = [next_wait(tries, 0.5) for tries in range(1, 9)]
    assert waits == pytest.approx([5, 30, 120, 600, 1800, 3600, 3600, 3600])
    assert next_wait(1, 0.0) == pytest.approx(4)
    assert next_wait(1, 0.999999) == pytest.approx(6, rel=1e-3)


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    assert next_wait(1, 0.5, 60.0) == 60.0
    assert next_wait(4, 0.5, 60.0) == pytest.approx(600)
