"""The backend for `django.tasks`."""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import msgspec
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from lapinq import TaskQueue
from lapinq.contrib.django.databases import check_database
from lapinq.contrib.django.parameters import arguments_of, json_values
from lapinq.contrib.django.results import load_result
from lapinq.contrib.django.task import OPTIONS, LapinqTask, Options, entry_of
from lapinq.contrib.django.tasks_framework import (
    BaseTaskBackend,
    InvalidTask,
    Task,
    TaskResult,
    TaskResultStatus,
    task_enqueued,
)
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.enqueue import read_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OWN_OPTIONS = ("database", "migrate", "dashboard_url")


class LapinqBackend(BaseTaskBackend):
    """Enqueues tasks in the transaction of a database of Django: they exist if and only if it commits.

    `OPTIONS` takes `database` (an alias of `DATABASES`), `migrate`, `dashboard_url` and, as the defaults of its tasks,
    lapinq's own options. Raises ImproperlyConfigured for anything else.
    """

    task_class = LapinqTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        if unknown := set(self.options) - {*_OWN_OPTIONS, *OPTIONS}:
            raise ImproperlyConfigured(
                f"TASKS[{alias!r}]['OPTIONS'] has unknown options {', '.join(sorted(unknown))}; it takes"
                f" {', '.join((*_OWN_OPTIONS, *OPTIONS))}"
            )
        self.database: str = self.options.get("database", DEFAULT_DB_ALIAS)
        self.migrates: bool = self.options.get("migrate", True)
        self.dashboard_url: str | None = self.options.get("dashboard_url")
        self._queue = TaskQueue()  # it only sends on Django's connections
        self._defaults = cast(
            "Options", {name: self.options[name] for name in OPTIONS if name in self.options}
        )

    def validate_task(self, task: Task[..., Any]) -> None:
        """Raises InvalidTask."""
        super().validate_task(task)
        if task.func.__module__ == "__main__":
            raise InvalidTask("a task must be in a module that a worker can import, not in __main__")
        if getattr(task, "ttl_seconds", None) == 0 or self._defaults.get("ttl_seconds") == 0:
            raise InvalidTask("a task with ttl_seconds 0 has no result: use lapinq's own TaskQueue for it")
        _check(entry_of(task, (), {}, self.alias, self._defaults))

    def enqueue(
        self, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> TaskResult[..., Any]:
        """Stores the task in the current transaction of the database, and wakes workers after the commit.

        Raises InvalidTask, TypeError for arguments that don't fit the function or have no JSON form, RequestRefused if
        lapinq's tables are missing, and the errors of Django's database.
        """
        self.validate_task(task)
        _check_reachable(task)
        positional, named = json_values(task, args, kwargs)
        result = TaskResult(
            task=task,
            id="",
            status=TaskResultStatus.READY,
            enqueued_at=None,
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=positional,
            kwargs=named,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        entry = entry_of(
            task,
            result.args,
            result.kwargs,
            self.alias,
            self._defaults,
            lambda: arguments_of(task).bound(tuple(args), kwargs),
        )
        _check(entry)
        [task_id] = self._queue.using(connections[self.database]).batch_enqueue([entry]).task_ids
        object.__setattr__(result, "id", task_id)
        object.__setattr__(result, "enqueued_at", timezone.now())
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> TaskResult[..., Any]:
        """Reads on the connection of Django, so it sees what the current transaction enqueued.

        Raises TaskResultDoesNotExist, also for tasks that another backend or lapinq's own client enqueued.
        """
        return load_result(result_id, self.alias, connections[self.database])

    def check(self, **kwargs: Any) -> list[Any]:
        """What is wrong with the settings."""
        try:
            check_database(self.database)
        except ImproperlyConfigured as error:
            return [checks.Error(f"TASKS[{self.alias!r}]: {error}", id="lapinq.E001")]
        from django.apps import apps

        if apps.is_installed("lapinq.contrib.django"):
            return []
        return [checks.Error("'lapinq.contrib.django' is not in INSTALLED_APPS.", id="lapinq.E002")]


def _check(entry: dict[str, Any]) -> None:
    try:
        read_task(msgspec.json.encode(entry))
    except InvalidValue as error:
        raise InvalidTask(str(error)) from error


def _check_reachable(task: Task[..., Any]) -> None:
    """A worker finds the task by the name of its function."""
    module = sys.modules.get(task.func.__module__)
    try:
        found = attrgetter(task.func.__qualname__)(module)
    except AttributeError:
        found = None
    if not isinstance(found, Task) or found.func is not task.func:
        raise InvalidTask(
            f"{task.module_path} is not the task: give the task the name of its function, so that a worker finds it"
        )
