"""The logger that it names, and the log lines of a client."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from lapinq import AsyncTaskQueue, TaskQueue
from lapinq.middleware.logging import StructuredLogging
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.inline import arun_inline, run_inline
from lapinq_worker.running.targets import make_target
from lapinq_worker.running.time_limits import Limits
from tests.support.sample import tasks
from tests.unit.lapinq.conftest import Script
from tests.unit.lapinq_worker.claims import make_claim

WORKERS = logging.getLogger("app.worker")
JOBS = StructuredLogging("app.jobs")


@pytest.mark.parametrize(
    ("workers", "own", "middleware", "name"),
    [
        (None, None, (), None),
        (WORKERS, None, (), "app.worker"),
        (None, None, (StructuredLogging(),), "lapinq.tasks"),
        (WORKERS, None, (StructuredLogging(logging.getLogger("app.jobs")),), "app.jobs"),
        (WORKERS, StructuredLogging("app.mail"), (JOBS,), "app.mail"),
    ],
)
def test_the_innermost_names_the_logger_of_a_task(
    workers: logging.Logger | None,
    own: StructuredLogging | None,
    middleware: tuple[StructuredLogging, ...],
    name: str | None,
) -> None:
    handling = None if own is None else Handling(middleware=(own,))
    log = make_target(tasks.add, handling, middleware, log=workers).log
    assert (None if log is None else log.name) == name


@pytest.mark.parametrize("function", [tasks.add, tasks.aadd])
async def test_a_task_with_a_logger_has_a_line_at_its_start_and_one_at_its_end(
    caplog: pytest.LogCaptureFixture, function: Callable[..., Any]
) -> None:
    caplog.set_level(logging.DEBUG, "app.jobs")
    target = make_target(function, None, (JOBS,))
    claim = make_claim(module_path="shop", task_name="add")
    await asyncio.to_thread(run_inline, Job(claim, target, Host(Limits())))
    await arun_inline(Job(claim, target, Host(Limits())))
    said = [(record.name, record.getMessage().partition(" in ")[0]) for record in caplog.records]
    assert said == [("app.jobs", "shop.add started"), ("app.jobs", "shop.add completed")] * 2


async def test_what_is_enqueued_is_told_at_level_debug(
    server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lapinq.tasks")
    with TaskQueue(server.url, "mail", middleware=[StructuredLogging()]) as queue:
        queue.batch_enqueue([{"task_name": "one"}, {"task_name": "two", "queue_name": "video"}])
    async with AsyncTaskQueue(server.url, middleware=[StructuredLogging()]) as queue:
        await queue.batch_enqueue([{"task_name": "three"}])
    told = [vars(record) for record in caplog.records if record.name == "lapinq.tasks"]
    by_queue = [("one", "mail"), ("two", "video"), ("three", "default")]
    assert [(fields["task_name"], fields["queue"]) for fields in told] == by_queue
