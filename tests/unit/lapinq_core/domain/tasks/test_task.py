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


GOOD: list[tuple[str, object]] = [
    ("task_name", "a"),
    ("task_name", "Mailer.send"),
    ("task_name", "mail senden – süß 🐇"),
    ("task_name", "x" * 255),
    ("queue_name", "video/4k"),
    ("module_path", "app"),
    ("module_path", "app.tasks_2._private"),
    ("module_path", "größe.öffnen"),
    ("module_path", "a" * 1000),
    ("max_retries", 0),
    ("max_retries", 100),
    ("priority", -(2**31)),
    ("priority", 2**31 - 1),
    ("retry_delay", 0),
    ("retry_delay", 0.001),
    ("retry_delay", MAX_SECONDS),
    ("ttl_seconds", None),
    ("ttl_seconds", 0),
    ("ttl_seconds", 0.5),
    ("ttl_seconds", MAX_SECONDS),
    ("metadata", None),
    ("metadata", {"a": [1, {"b": None}]}),
    ("args", [1, -1.5, True, None, "text", [], {}]),
    ("args", [10**30]),
    ("args", nested(MAX_DEPTH)),
    ("args", ["\u0001\u2028🐇"]),
    ("kwargs", {"": 1}),
    ("webhook_url", None),
    ("webhook_url", "http://localhost:8080/done?x=1"),
    ("webhook_url", "https://[::1]/"),
    ("webhook_url", "https://example.org/" + "x" * 1980),
    ("scheduled_at", None),
    ("scheduled_at", NOW - SCHEDULE_HORIZON),
    ("scheduled_at", NOW + SCHEDULE_HORIZON),
]

BAD: list[tuple[str, object, str]] = [
    ("task_name", "", "task_name"),
    ("task_name", "x" * 256, "task_name"),
    ("task_name", " ", "task_name"),
    ("task_name", "a\nb", "task_name"),
    ("task_name", "a\x00", "task_name"),
    ("task_name", "a\u200bb", "task_name"),
    ("task_name", "\ud800", "task_name"),
    ("queue_name", "", "queue_name"),
    ("queue_name", "x" * 256, "queue_name"),
    ("queue_name", "a\tb", "queue_name"),
    ("module_path", "", "module_path"),
    ("module_path", ".app", "module_path"),
    ("module_path", "app.", "module_path"),
    ("module_path", "app..mail", "module_path"),
    ("module_path", "2app", "module_path"),
    ("module_path", "app-mail", "module_path"),
    ("module_path", "app.mail\n", "module_path"),
    ("module_path", "app mail", "module_path"),
    ("module_path", "a" * 1001, "module_path"),
    ("max_retries", -1, "max_retries"),
    ("max_retries", 101, "max_retries"),
    ("priority", -(2**31) - 1, "priority"),
    ("priority", 2**31, "priority"),
    ("retry_delay", -0.001, "retry_delay"),
    ("retry_delay", MAX_SECONDS + 1, "retry_delay"),
    ("retry_delay", math.inf, "retry_delay"),
    ("retry_delay", math.nan, "retry_delay"),
    ("ttl_seconds", -1, "ttl_seconds"),
    ("ttl_seconds", math.inf, "ttl_seconds"),
    ("ttl_seconds", math.nan, "ttl_seconds"),
    ("ttl_seconds", MAX_SECONDS + 1, "ttl_seconds"),
    ("args", ["a", {"b": ["c\x00"]}], "args[1].b[0]"),
    ("args", [math.inf], "args[0]"),
    ("args", ["\ud83d"], "args[0]"),
    ("args", nested(MAX_DEPTH + 1), "args" + "[0]" * MAX_DEPTH),
    ("kwargs", {"a\x00": 1}, "kwargs"),
    ("kwargs", {"width": math.nan}, "kwargs.width"),
    ("metadata", {"a": {"b": "\x00"}}, "metadata.a.b"),
    ("webhook_url", "", "webhook_url"),
    ("webhook_url", "ftp://example.org/", "webhook_url"),
    ("webhook_url", "https:///path", "webhook_url"),
    ("webhook_url", "example.org", "webhook_url"),
    ("webhook_url", "http://example.org:0/", "webhook_url"),
    ("webhook_url", "http://example.org:99999/", "webhook_url"),
    ("webhook_url", "http://[::1/", "webhook_url"),
    ("webhook_url", "https://example.org/a b", "webhook_url"),
    ("webhook_url", "https://example.org/\n", "webhook_url"),
    ("webhook_url", "https://example.org/" + "x" * 1981, "webhook_url"),
    ("scheduled_at", NOW + SCHEDULE_HORIZON + timedelta(seconds=1), "scheduled_at"),
    ("scheduled_at", NOW - SCHEDULE_HORIZON - timedelta(seconds=1), "scheduled_at"),
    ("scheduled_at", datetime.min.replace(tzinfo=UTC), "scheduled_at"),
    ("scheduled_at", datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "scheduled_at"),
]


def short(value: object) -> str:
    return str(value)[:30]


@pytest.mark.parametrize(("field", "value"), GOOD, ids=short)
def test_is_taken(field: str, value: object) -> None:
    assert getattr(check(**{field: value}), field) == value


@pytest.mark.parametrize(("field", "value", "loc"), BAD, ids=short)
def test_is_refused_by_name(field: str, value: object, loc: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check(**{field: value})
    assert caught.value.loc == loc


def test_a_time_without_offset_is_utc() -> None:
    task = check(scheduled_at=datetime(2026, 3, 2, 8))  # noqa: DTZ001  # the case in question
    assert task.scheduled_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_time_with_offset_becomes_utc() -> None:
    task = check(scheduled_at=datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=2))))
    assert task.scheduled_at is not None
    assert task.scheduled_at.isoformat() == "2026-03-02T06:00:00+00:00"


def test_only_a_time_to_live_of_nothing_makes_it_fire_and_forget() -> None:
    assert [check(ttl_seconds=ttl).is_transient for ttl in (None, 0, 0.0, 0.1)] == [False, True, True, False]


def test_the_defaults_are_the_published_ones() -> None:
    task = check()
    assert (task.queue_name, task.args, task.kwargs, task.priority) == ("default", [], {}, 0)
    assert (task.max_retries, task.retry_delay, task.retry_backoff, task.ttl_seconds) == (3, 10, True, None)
