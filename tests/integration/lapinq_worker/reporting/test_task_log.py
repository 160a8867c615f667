"""What a worker logs on the tasks it runs, and which task each line of their own belongs to."""

import json
import logging
from typing import Any

import pytest

from lapinq import TaskFilter
from tests.integration.lapinq_worker.desk import Desk, until
from tests.support.sample import logging_tasks, tasks

FACTS = ("message", "task_id", "task_name", "queue", "attempt", "outcome")


@pytest.fixture(autouse=True)
def debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lapinq.tasks")
    caplog.handler.addFilter(TaskFilter())


def told(caplog: pytest.LogCaptureFixture, logger: str, *names: str) -> list[tuple[Any, ...]]:
    """Those fields of the records of a logger."""
    records = [vars(record) for record in caplog.records if record.name == logger]
    return [tuple(record.get(name) for name in names) for record in records]


def without_time(message: str) -> str:
    return message.partition(" in 0")[0]


async def test_each_task_has_a_line_at_its_end_and_at_level_debug_one_at_its_start(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk.working(worker_pool="threads", worker_concurrency=1):
        for function in (tasks.add, tasks.aadd):
            caplog.clear()
            task = await desk.hand_in(function, 1, 1)
            await desk.ended(task)
            name = f"{function.__module__}.{function.__name__}"
            lines = told(caplog, "lapinq.tasks", "message", "levelname", "task_id", "attempt", "outcome")
            assert [(without_time(first), *rest) for first, *rest in lines] == [
                (f"{name} started", "DEBUG", task, 1, None),
                (f"{name} completed", "INFO", task, 1, "completed"),
            ]
        caplog.clear()
        failed = await desk.hand_in(tasks.afail, "no good", max_retries=0)
        await desk.ended(failed)
        (_, end) = [record for record in caplog.records if record.name == "lapinq.tasks"]
        assert end.levelno == logging.ERROR
        assert end.getMessage().endswith("(start 1 of at most 1, no retry follows): ValueError: no good")
        (attempt,) = await desk.attempts(failed)
        assert end.exc_text == attempt.traceback
        assert "afail" in str(end.exc_text)
        caplog.clear()
        await desk.hand_in(tasks.anoop, ttl_seconds=0)
        await until(lambda: len(told(caplog, "lapinq.tasks", "message")) == 2)
        assert told(caplog, "lapinq.tasks", "task_id", "task_name") == [(None, "anoop")] * 2
        caplog.clear()
        report = await desk.hand_in(logging_tasks.areport, "hello")
        await desk.ended(report, await desk.hand_in(logging_tasks.report, "hello"))
        (first, second, other) = told(caplog, "shop", "task_id", "task_name")
        assert (first, second, other[1]) == ((report, "areport"), (report, "areport"), "report")


async def test_a_child_process_logs_the_start_and_says_whose_each_line_is(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with desk.working(json_log=True, log_level="debug"):
        task = await desk.hand_in(logging_tasks.report, "hello")
        await desk.ended(task)
        written = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
        lines = [line for line in written if line["logger"] in ("lapinq.tasks", "shop")]
        name = f"{logging_tasks.__name__}.report"
        assert [tuple(line.get(name) for name in FACTS) for line in lines] == [
            (f"{name} started", task, "report", "default", 1, None),
            ("hello", task, "report", None, None, None),
        ]
        assert told(caplog, "lapinq.tasks", "task_id", "outcome") == [(task, "completed")]


async def test_with_the_switch_off_or_info_disabled_only_what_did_not_complete_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for switch, level in ((False, logging.INFO), (True, logging.WARNING)):
        caplog.clear()
        caplog.set_level(level, "lapinq.tasks")
        async with desk.working(worker_task_log=switch):
            for function in (tasks.add, tasks.aadd):
                await desk.ended(await desk.hand_in(function, 1, 1))
            failed = await desk.hand_in(tasks.afail, "no good", max_retries=0)
            await desk.ended(failed)
        assert told(caplog, "lapinq.tasks", "task_id", "levelname") == [(failed, "ERROR")]
        assert "started" not in capfd.readouterr().err
