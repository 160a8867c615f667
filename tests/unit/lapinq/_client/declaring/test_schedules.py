"""Schedules on tasks: what `queue.cron` and `queue.every` make, and what they refuse."""

import functools
import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from lapinq import AsyncTaskQueue, Task, TaskQueue
from lapinq.errors import InvalidValue, TaskNotImportable
from lapinq_core.domain.schedules.schedule import Definition

queue = TaskQueue(queue_name="reports", default_ttl_seconds=60)
async_queue = AsyncTaskQueue()


@queue.cron("*/5 * * * *", tz="Europe/Madrid")
def refresh() -> str:
    """Fresh."""
    return "done"


@queue.every("90s", name="often", args=[1], misfire="all", misfire_limit=3, overlap="skip", jitter=2)
@queue.cron("0 9 * * *", name="daily", kwargs={"a": 2, "when": datetime(2026, 1, 1, tzinfo=UTC)})
@queue.task("totals", queue_name="heavy", priority=3, retry=[1, 2], timeout=4, metadata={"team": "ops"})
def total(a: int, when: str = "") -> int:
    return a


@async_queue.every("1h", starts_at="2026-01-01T00:00:00", ends_at="2100-01-01T01:00:00+01:00")
async def check() -> None: ...


@queue.task(priority=9)
@queue.cron("@daily")
def below() -> None: ...


class Mailer:
    @queue.cron("@hourly")
    @staticmethod
    def post(to: str = "x") -> str:
        return to

    @queue.cron("@hourly")
    @queue.task(priority=4)
    @staticmethod
    def send() -> None: ...

    @staticmethod
    @queue.cron("@hourly")
    def write() -> None: ...

    @queue.cron("@weekly")
    @staticmethod
    @queue.task(priority=5)
    def tell() -> None: ...


def definitions(task: Task[..., Any]) -> list[Definition]:
    return [declared() for declared in task.__lapinq_schedules__]


def plain(_: int = 0) -> None: ...


def test_it_is_still_the_task_and_the_function() -> None:
    assert type(refresh) is Task
    assert refresh() == "done"
    assert (refresh.__name__, refresh.__doc__) == ("refresh", "Fresh.")
    assert inspect.iscoroutinefunction(check)
    assert refresh.entry() == queue.task(refresh.__wrapped__).entry()


def test_a_task_is_scheduled_with_its_own_options_and_what_its_queue_says() -> None:
    assert definitions(refresh) == [
        Definition(
            name=f"{__name__}.refresh",
            task_name="refresh",
            module_path=__name__,
            queue_name="reports",
            ttl_seconds=60,
            cron="*/5 * * * *",
            timezone="Europe/Madrid",
        )
    ]
    daily, often = definitions(total)
    assert daily == Definition(
        name="daily",
        task_name="totals",
        module_path=__name__,
        queue_name="heavy",
        ttl_seconds=60,
        kwargs={"a": 2, "when": "2026-01-01T00:00:00Z"},
        cron="0 9 * * *",
        max_retries=2,
        priority=3,
        timeout_seconds=4,
        metadata={"team": "ops"},
    )
    assert (often.name, often.every, often.cron, often.args, often.kwargs) == (
        "often",
        "1m30s",
        None,
        [1],
        {},
    )
    assert (often.misfire, often.misfire_limit, often.overlap, often.jitter) == ("all", 3, "skip", 2)


def test_times_without_an_offset_are_utc_and_may_have_passed() -> None:
    [found] = definitions(check)
    assert found.starts_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.ends_at == datetime(2100, 1, 1, tzinfo=UTC)
    past = datetime.now(UTC) - timedelta(days=1)
    [found] = definitions(queue.cron("@daily", ends_at=past)(plain))
    assert found.ends_at == past  # it does not keep the module from being imported


def test_what_is_made_of_a_scheduled_task_keeps_the_schedule_but_a_copy_for_a_call_does_not() -> None:
    [found] = definitions(below)
    assert (found.cron, found.priority) == ("@daily", 9)

    @functools.wraps(refresh)
    def wrapper() -> str:
        return refresh()

    assert vars(wrapper)["__lapinq_schedules__"] == refresh.__lapinq_schedules__
    assert [found.priority for found in definitions(queue.task(priority=7)(wrapper))] == [7]
    assert not hasattr(refresh.options(priority=5), "__lapinq_schedules__")
    bare = queue.task(plain)
    assert len(queue.cron("@daily")(bare).__lapinq_schedules__) == 1
    assert not hasattr(bare, "__lapinq_schedules__")


@pytest.mark.parametrize(("name", "priority"), [("post", 0), ("send", 4), ("write", 0), ("tell", 5)])
def test_a_static_method_can_be_scheduled_in_any_order(name: str, priority: int) -> None:
    [found] = definitions(getattr(Mailer, name))
    assert (found.task_name, found.name) == (f"Mailer.{name}", f"{__name__}.Mailer.{name}")
    assert found.priority == priority


def test_the_queue_of_the_moment_counts() -> None:
    mine = TaskQueue()
    scheduled = mine.cron("@daily")(plain)
    mine.queue_name = "later"
    assert [found.queue_name for found in definitions(scheduled)] == ["later"]


@pytest.mark.parametrize(
    ("field", "decorate"),
    [
        ("cron", lambda: queue.cron("61 * * * *")(plain)),
        ("name", lambda: queue.cron("@daily", name="a/b")(plain)),
        ("misfire_limit", lambda: queue.cron("@daily", misfire_limit=0)(plain)),
        ("ttl_seconds", lambda: queue.cron("@daily")(queue.task(ttl_seconds=0)(plain))),
        ("webhook_url", lambda: queue.cron("@daily")(queue.task(webhook_url="x")(plain))),
        ("name", lambda: queue.cron("@daily")(queue.cron("@hourly")(plain))),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_field(
    field: str, decorate: Callable[[], object]
) -> None:
    with pytest.raises(InvalidValue) as caught:
        decorate()
    assert caught.value.loc == field


@pytest.mark.parametrize(
    ("match", "decorate"),
    [
        ("no option 'colour'", lambda: queue.cron("@daily", **cast("Any", {"colour": 1}))),
        ("args must be a list or a tuple", lambda: queue.cron("@daily", args="ab")),
        ("plain.*too many positional arguments", lambda: queue.cron("@daily", args=[1, 2])(plain)),
        ("plain.*unexpected keyword argument 'b'", lambda: queue.cron("@daily", kwargs={"b": 1})(plain)),
        ("argument '_' cannot be sent as JSON", lambda: queue.cron("@daily", args=[object()])(plain)),
        (
            "scheduled_at",
            lambda: queue.cron("@daily")(queue.task(scheduled_at="2100-01-01T00:00:00Z")(plain)),
        ),
        ("only a function", lambda: queue.cron("@daily")(cast("Callable[[], None]", 5))),
    ],
)
def test_what_makes_no_sense_is_a_type_error(match: str, decorate: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=match):
        decorate()


def test_a_task_that_no_worker_finds_is_told_when_it_is_asked_for() -> None:
    @queue.cron("@daily")
    @queue.task("inner")
    def inner() -> None: ...

    with pytest.raises(TaskNotImportable):
        definitions(inner)
