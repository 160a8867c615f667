"""In a program that enqueues: what is wrong is raised where it is written, and nothing is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from lapinq import TaskQueue
from lapinq.errors import InvalidValue, RequestRefused, ServerUnavailable, TaskNotImportable
from tests.integration.lapinq.mistakes.mistake import SECRET
from tests.support.drivers.urls import plain_url
from tests.support.sample import tasks

pytestmark = pytest.mark.http

Row = tuple[Callable[[], object], type[Exception], str]


def local() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


def mistakes(url: str) -> list[Row]:
    queue: Any = TaskQueue(url, "mail")
    task, add = queue.task, queue.task(tasks.add)
    return [
        (
            lambda: TaskQueue("localhost:8001"),
            ValueError,
            "must begin with http://, https:// or postgresql://",
        ),
        (lambda: TaskQueue("mysql://u:s3cret@h/d"), ValueError, "must begin with http://"),
        (lambda: TaskQueue("postgresql://u:s3cr@et@h/d"), ValueError, "password must be percent-encoded"),
        (
            lambda: TaskQueue("postgresql://h/d?sslmod=require").task(tasks.add).queue(1, 2),
            ValueError,
            "it has no parameter 'sslmod' (did you mean 'sslmode'?)",
        ),
        (lambda: add.queue(1), TypeError, "add(): missing a required argument: 'b'"),
        (lambda: add.queue(1, 2, 3), TypeError, "add(): too many positional arguments"),
        (lambda: add.queue(1, 2, c=3), TypeError, "add(): got an unexpected keyword argument 'c'"),
        (lambda: add.queue(1, object()), TypeError, "add(): argument 'b' cannot be sent as JSON"),
        (lambda: add.queue(1, float("nan")), ValueError, "it holds NaN or an infinite number"),
        (
            lambda: add.options(priorty=1),
            TypeError,
            "a task has no option 'priorty' (did you mean 'priority'?)",
        ),
        (lambda: add.options(retry=[1]), TypeError, "belong in the decorator"),
        (lambda: task(5), TypeError, "only a function can be a task, not 5"),
        (lambda: task(timeout=0)(tasks.add), ValueError, "timeout must be more than 0"),
        (lambda: task(retry=[-1])(tasks.add), InvalidValue, "must be a number of seconds between 0"),
        (
            lambda: task(retry="often")(tasks.add),
            TypeError,
            "retry must be FixedDelay, Backoff, Delays or a list",
        ),
        (
            lambda: task(local()).queue(),
            TaskNotImportable,
            "defined inside local(), where no worker can find it",
        ),
        (lambda: task(priority="high")(tasks.add).queue(1, 2), RequestRefused, "priority must be an integer"),
        (lambda: task(max_retries=1000)(tasks.add).queue(1, 2), RequestRefused, "between 0 and 100"),
        (lambda: task(queue_name="")(tasks.add).queue(1, 2), RequestRefused, "queue_name must have 1 to 255"),
        (
            lambda: task(scheduled_at="tomorrow")(tasks.add).queue(1, 2),
            RequestRefused,
            "must be an ISO 8601 time",
        ),
        (lambda: task(webhook_url="localhost")(tasks.add).queue(1, 2), RequestRefused, "http or https URL"),
        (lambda: queue.cron("@daily")(tasks.add), TypeError, "missing a required argument"),
        (lambda: queue.cron("61 * * * *")(tasks.noop), InvalidValue, "minute '61': allowed are 0-59"),
        (lambda: queue.cron("@daily", tz="Europe/Madird")(tasks.noop), InvalidValue, "such as Europe/Madrid"),
        (lambda: queue.every("often")(tasks.noop), InvalidValue, "such as 15m or 1h30m"),
        (
            lambda: queue.batch_enqueue([add.entry(1, 2), 5]),
            TypeError,
            "tasks[1] must come from task.entry(...)",
        ),
        (
            lambda: queue.batch_enqueue([add.entry(1, 2), {**add.entry(1, 2), "priorty": 1}]),
            RequestRefused,
            "[1].priorty is not a known field (did you mean 'priority'?)",
        ),
        (
            lambda: add.using(5).queue(1, 2),
            TypeError,
            "takes a connection of psycopg, SQLAlchemy, asyncpg or Django",
        ),
        (lambda: queue.result("nope"), RequestRefused, "id must be a task id such as"),
        (lambda: TaskQueue(url, middleware=[5]), TypeError, "instances of lapinq.Middleware, not 5"),  # pyright: ignore[reportArgumentType]
        (
            lambda: TaskQueue("http://127.0.0.1:1", timeout=0.1).task(tasks.add).queue(1, 2),
            ServerUnavailable,
            "no answer from http://127.0.0.1:1",
        ),
    ]


def test_calls_that_cannot_be(in_use: str) -> None:
    wrong: list[str] = []
    for call, kind, message in mistakes(plain_url(in_use)):
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001  # of any kind: the table says which
            if not isinstance(error, kind) or message not in str(error) or SECRET in str(error):
                wrong.append(f"{message!r}: {error!r}")
        else:
            wrong.append(f"{message!r}: no error, but {answer!r}")
    assert not wrong, "\n".join(wrong)
