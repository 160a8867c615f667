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


def filtered(task_filter: TaskFilter | None = None, **fields: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"msg": "hello", **fields})
    assert (task_filter or TaskFilter()).filter(record) is True
    return {name: vars(record)[name] for name in ("task_id", "task_name") if name in vars(record)}


def inside(attempt: Recorded, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def run() -> Any:
        running.set(attempt)
        return function(*args, **kwargs)

    return contextvars.copy_context().run(run)


def test_a_record_of_a_task_gets_its_id_and_name_unless_it_has_them() -> None:
    both = {"task_id": "id-1", "task_name": "add"}
    assert inside(Recorded(), filtered) == both
    assert inside(Recorded(), lambda: asyncio.run(asyncio.to_thread(filtered))) == both
    assert inside(Recorded(), filtered, task_id="mine") == {**both, "task_id": "mine"}
    # Fire and forget has a name and no id.
    assert inside(Recorded(""), filtered) == {"task_name": "add"}
    assert inside(Recorded(""), filtered, TaskFilter("-")) == {"task_id": "-", "task_name": "add"}


def test_outside_of_a_task_a_record_gets_nothing_unless_a_format_needs_it() -> None:
    assert filtered() == {}
    assert filtered(TaskFilter(outside="-")) == {"task_id": "-", "task_name": "-"}


def test_a_configuration_can_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    from logging.config import DictConfigurator

    configuration = {
        "version": 1,
        "filters": {"task": {"()": "lapinq.TaskFilter", "outside": "-"}},
        "formatters": {"line": {"format": "[%(task_name)s %(task_id)s] %(message)s"}},
        "handlers": {"err": {"class": "logging.StreamHandler", "filters": ["task"], "formatter": "line"}},
        "loggers": {"app.filtered": {"handlers": ["err"], "level": "INFO", "propagate": False}},
        "disable_existing_loggers": False,
    }
    DictConfigurator(configuration).configure()
    log = logging.getLogger("app.filtered")
    inside(Recorded(), log.info, "within")
    log.info("without")
    assert capsys.readouterr().err.splitlines() == ["[add id-1] within", "[- -] without"]
