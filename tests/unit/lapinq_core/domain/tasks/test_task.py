"""The values a task may have: every rule with values on both sides of it."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.task import MAX_DEPTH, SCHEDULE_HORIZON, NewTask, check_task

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def check(**values: Any) -> NewTask:
    task = NewTask(id="0", task_name="send", module_path="app.mail")
    return check_task(msgspec.structs.replace(task, **values), NOW)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


GOOD: dict[str, list[object]] = {
    "task_name": ["a", "Mailer.send", "mail senden – süß 🐇", "x" * 255],
    "queue_name": ["video/4k"],
    "module_path": ["app", "app.tasks_2._private", "größe.öffnen", "a" * 1000],
    "max_retries": [0, 100],
    "priority": [-(2**31), 2**31 - 1],
    "retry_delay": [0, 0.001, MAX_SECONDS],
    "ttl_seconds": [None, 0, 0.5, MAX_SECONDS],
    "metadata": [None, {"a": [1, {"b": None}]}],
    "args": [[1, -1.5, True, None, "text", [], {}], [10**30], nested(MAX_DEPTH), ["\u0001\u2028🐇"]],
    "kwargs": [{"": 1}],
    "webhook_url": [
        None,
        "http://localhost:8080/done?x=1",
        "https://[::1]/",
        "https://a.example/" + "x" * 1982,
    ],
    "scheduled_at": [None, NOW - SCHEDULE_HORIZON, NOW + SCHEDULE_HORIZON],
}
BAD: dict[str, list[object]] = {
    "task_name": ["", "x" * 256, " ", "a\nb", "a\x00", "a\u200bb", "\ud800"],
    "queue_name": ["", "x" * 256, "a\tb"],
    "module_path": ["", ".app", "app.", "app..mail", "2app", "app-mail", "app.mail\n", "app mail", "a" * 1001],
    "max_retries": [-1, 101],
    "priority": [-(2**31) - 1, 2**31],
    "retry_delay": [-0.001, MAX_SECONDS + 1, math.inf, math.nan],
    "ttl_seconds": [-1, math.inf, math.nan, MAX_SECONDS + 1],
    "kwargs": [{"a\x00": 1}],
    "webhook_url": [
        "", "ftp://example.org/", "https:///path", "example.org", "http://example.org:0/", "http://example.org:99999/",
        "http://[::1/", "https://example.org/a b", "https://example.org/\n", "https://a.example/" + "x" * 1983,
    ],
    "scheduled_at": [
        NOW + SCHEDULE_HORIZON + timedelta(seconds=1), NOW - SCHEDULE_HORIZON - timedelta(seconds=1),
        datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
}  # fmt: skip
BAD_INSIDE: list[tuple[str, object, str]] = [
    ("args", ["a", {"b": ["c\x00"]}], "args[1].b[0]"),
    ("args", [math.inf], "args[0]"),
    ("args", ["\ud83d"], "args[0]"),
    ("args", nested(MAX_DEPTH + 1), "args" + "[0]" * MAX_DEPTH),
    ("kwargs", {"width": math.nan}, "kwargs.width"),
    ("metadata", {"a": {"b": "\x00"}}, "metadata.a.b"),
]


def short(value: object) -> str:
    return str(value)[:30]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in GOOD.items() for value in values], ids=short
)
def test_is_taken(field: str, value: object) -> None:
    assert getattr(check(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "loc"),
    [*((field, value, field) for field, values in BAD.items() for value in values), *BAD_INSIDE],
    ids=short,
)
def test_is_refused_by_name(field: str, value: object, loc: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check(**{field: value})
    assert caught.value.loc == loc


def test_a_time_becomes_utc_and_is_so_without_an_offset() -> None:
    morning = datetime(2026, 3, 2, 8)  # noqa: DTZ001  # the case in question
    assert check(scheduled_at=morning).scheduled_at == morning.replace(tzinfo=UTC)
    task = check(scheduled_at=morning.replace(tzinfo=timezone(timedelta(hours=2))))
    assert task.scheduled_at is not None
    assert task.scheduled_at.isoformat() == "2026-03-02T06:00:00+00:00"


def test_only_a_time_to_live_of_nothing_makes_it_fire_and_forget() -> None:
    assert [check(ttl_seconds=ttl).is_transient for ttl in (None, 0, 0.0, 0.1)] == [False, True, True, False]


def test_the_defaults_are_the_published_ones() -> None:
    task = check()
    assert (task.queue_name, task.args, task.kwargs, task.priority) == ("default", [], {}, 0)
    assert (task.max_retries, task.retry_delay, task.retry_backoff, task.ttl_seconds) == (3, 10, True, None)
