"""Records that a task's code logs say whose they are."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

import pytest

from lapinq import TaskFilter
from lapinq_core.domain.tasks.context import running
from tests.unit.lapinq_core.domain.tasks.test_context import Recorded


def record(**fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "hello", **fields})


def filtered(record: logging.LogRecord, task_filter: TaskFilter | None = None) -> dict[str, Any]:
    assert (task_filter or TaskFilter()).filter(record) is True
    return {name: vars(record)[name] for name in ("task_id", "task_name") if name in vars(record)}


def inside(attempt: Recorded, function: Callable[[], Any]) -> Any:
    def run() -> Any:
        running.set(attempt)
        return function()

    return contextvars.copy_context().run(run)


def test_a_record_of_a_task_gets_its_id_and_name() -> None:
    both = {"task_id": "id-1", "task_name": "add"}
    assert inside(Recorded(), lambda: filtered(record())) == both

    async def in_a_thread() -> dict[str, Any]:
        return await asyncio.to_thread(filtered, record())

    assert inside(Recorded(), lambda: asyncio.run(in_a_thread())) == both


def test_a_field_that_the_record_has_stays() -> None:
    assert inside(Recorded(), lambda: filtered(record(task_id="mine"))) == {
        "task_id": "mine",
        "task_name": "add",
    }


def test_a_fire_and_forget_task_has_a_name_and_no_id() -> None:
    assert inside(Recorded(""), lambda: filtered(record())) == {"task_name": "add"}
    assert inside(Recorded(""), lambda: filtered(record(), TaskFilter("-"))) == {
        "task_id": "-",
        "task_name": "add",
    }


def test_outside_of_a_task_a_record_gets_nothing_unless_a_format_needs_it() -> None:
    assert filtered(record()) == {}
    assert filtered(record(), TaskFilter(outside="-")) == {"task_id": "-", "task_name": "-"}


def test_a_configuration_can_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    from logging.config import DictConfigurator

    configuration = {
        "version": 1,
        "filters": {"task": {"()": "lapinq.TaskFilter", "outside": "-"}},
        "formatters": {"line": {"format": "[%(task_name)s %(task_id)s] %(message)s"}},
        "handlers": {
            "err": {"class": "logging.StreamHandler", "filters": ["task"], "formatter": "line"},
        },
        "loggers": {"app.filtered": {"handlers": ["err"], "level": "INFO", "propagate": False}},
        "disable_existing_loggers": False,
    }
    DictConfigurator(configuration).configure()
    log = logging.getLogger("app.filtered")
    inside(Recorded(), lambda: log.info("within"))
    log.info("without")
    assert capsys.readouterr().err.splitlines() == ["[add id-1] within", "[- -] without"]
