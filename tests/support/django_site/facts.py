"""What `lapinq.contrib.django` does. `tests/e2e/test_django.py` runs them with `manage.py test`."""

import contextlib
import io
import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase, modify_settings, override_settings
from django.utils import timezone

from lapinq.contrib.django.configured import lapinq_backends
from lapinq.contrib.django.databases import database_url
from lapinq.contrib.django.tasks_framework import (
    InvalidTask,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_backends,
    task_enqueued,
)
from lapinq.errors import TaskFailed
from lapinq_core.db.statements import sql
from shop.models import Order
from shop.tasks import confirm, count_orders

from . import plain_tasks, tasks
from .working import logs_of, status_of, work

if TYPE_CHECKING:
    from lapinq.contrib.django.task import LapinqTask

READY, RUNNING, FAILED, SUCCESSFUL = (
    TaskResultStatus.READY,
    TaskResultStatus.RUNNING,
    TaskResultStatus.FAILED,
    TaskResultStatus.SUCCESSFUL,
)


def stored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM lapinq_tasks")
        return cursor.fetchone()[0]


class InAWorker(TransactionTestCase):
    """One run of a worker for all tasks."""

    def test_tasks_run_and_their_results_tell_of_it(self) -> None:
        order = Order.objects.create(email="customer@example.com", amount=3)
        confirmed = confirm.enqueue(order.pk)
        counted = count_orders.enqueue()
        plain_context = tasks.show_context.enqueue(day=date(2026, 11, 27))
        async_context = tasks.ashow_context.enqueue()
        declined = tasks.decline.enqueue(3)
        decline_first: Any = tasks.decline_first
        retried = decline_first.using(max_retries=1).enqueue()
        elsewhere = tasks.declared_elsewhere.using(backend="default").enqueue()
        later = tasks.add.using(run_after=datetime.now(UTC) + timedelta(hours=1)).enqueue(1)
        broken = tasks.break_connection.using(priority=-1).enqueue()
        tasks.use_connection.enqueue()
        closed = tasks.is_its_connection_closed.enqueue()
        after_it = plain_tasks.query.using(connection).options(priority=-2).queue()
        cancelled = tasks.add.enqueue(2)
        with connection.cursor() as cursor:
            cursor.execute(sql("lapinq_core.tasks", "cancel"), {"id": cancelled.id})

        log = work()

        for result in (
            *(confirmed, counted, plain_context, async_context, declined, retried, elsewhere, later, broken),
            *(closed, cancelled),
        ):
            assert result.status == READY
            result.refresh()
        assert confirmed.return_value == "customer@example.com"
        assert (confirmed.attempts, confirmed.errors) == (1, [])
        times: list[Any] = [confirmed.enqueued_at, confirmed.started_at, confirmed.finished_at]
        assert times == sorted(times)
        assert not Order.objects.filter(confirmed_at=None)
        assert counted.return_value == 1
        given = {"day": "2026-11-27"}
        assert plain_context.return_value == [1, plain_context.id, given, "default", "default", 2026]
        assert async_context.return_value == [1, RUNNING, 1]
        assert retried.return_value == 0
        assert (retried.attempts, [error.exception_class for error in retried.errors]) == (
            2,
            [tasks.Declined],
        )
        assert elsewhere.return_value == "ran"
        assert (later.status, later.is_finished) == (READY, False)
        assert broken.status == SUCCESSFUL
        assert status_of(after_it.task_id) == "completed"
        assert "a line of the task" in logs_of(after_it.task_id)
        assert closed.return_value is True

        assert (declined.status, declined.attempts) == (FAILED, 1)
        [error] = declined.errors
        assert error.exception_class is tasks.Declined
        assert "in decline" in error.traceback
        with pytest.raises(ValueError, match="Task failed"):
            _ = declined.return_value
        assert (cancelled.status, [error.exception_class for error in cancelled.errors]) == (
            FAILED,
            [TaskFailed],
        )

        states = re.findall(r"path=\S+\.(\w+) state=(\w+)", log)
        assert states.count(("decline", "FAILED")) == 1, log
        assert [state for name, state in states if name == "decline_first"] == [
            "RUNNING",
            "RUNNING",
            "SUCCESSFUL",
        ]


class Enqueueing(TestCase):
    def test_a_task_exists_with_its_transaction_and_only_then(self) -> None:
        before = stored()
        with transaction.atomic():
            lost = tasks.add.enqueue(1)
            assert tasks.add.get_result(lost.id).status == READY
            transaction.set_rollback(True)
        with pytest.raises(TaskResultDoesNotExist):
            tasks.add.get_result(lost.id)
        kept = tasks.add.using(priority=7).enqueue(1, b=2)
        found = tasks.add.get_result(kept.id)
        assert (found.task.priority, found.args, found.kwargs) == (7, [1], {"b": 2})
        assert stored() == before + 1

    def test_a_key_and_limits_are_computed_from_the_arguments_as_the_task_gets_them(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO lapinq_limits (name, max_running, created_at) VALUES ('mail', 5, lapinq_now())"
            )
            add, show_context = cast("LapinqTask", tasks.add), cast("LapinqTask", tasks.show_context)
            add.using(key=lambda a, *_: f"a{a}", limits=lambda a, *_: {"mail": a + 1}).enqueue(a=1)
            show_context.using(key=lambda day: f"{day:%Y}").enqueue(date(2030, 1, 31))
            cursor.execute("SELECT key, limits FROM lapinq_tasks WHERE key IS NOT NULL ORDER BY key")
            found = [(key, limits and json.loads(limits)) for key, limits in cursor.fetchall()]
        assert found == [("2030", None), ("a1", {"mail": 2})]
        with pytest.raises(TypeError, match=r"add\(\): the function of key gets all arguments of the task"):
            add.using(key=lambda a: "k").enqueue(1)

    def test_times_are_those_of_the_project(self) -> None:
        planned = datetime(2030, 6, 1, 12)  # noqa: DTZ001
        with override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo"):
            result = tasks.add.using(run_after=planned).enqueue(1)
            result.refresh()
            found = tasks.add.get_result(result.id)
            assert found.task.run_after == planned
            age: Any = timezone.now() - cast("datetime", found.enqueued_at)
            assert timedelta(0) <= age < timedelta(minutes=1)
        found = tasks.add.get_result(result.id)
        assert found.task.run_after == datetime(2030, 6, 1, 3, tzinfo=UTC)

    def test_workers_hear_of_it_after_the_commit(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            tasks.add.enqueue(1)
        assert len(callbacks) == 1

    async def test_coroutines_enqueue_and_read(self) -> None:
        result = await tasks.add.aenqueue(1)
        assert (await tasks.add.aget_result(result.id)).status == READY
        await result.arefresh()

    def test_receivers_hear_of_it(self) -> None:
        heard: list[str] = []

        def receive(task_result: Any, **_: Any) -> None:
            heard.append(task_result.id)

        task_enqueued.connect(receive)
        try:
            assert heard == [tasks.add.enqueue(1).id]
        finally:
            task_enqueued.disconnect(receive)

    def test_what_can_not_be_enqueued_is_refused(self) -> None:
        def nested() -> None: ...

        add: Any = tasks.add
        for refused in (
            lambda: add.using(priority=101),
            lambda: add.using(run_after=datetime(2030, 1, 1)),  # noqa: DTZ001
            lambda: add.using(run_after=datetime(2300, 1, 1, tzinfo=UTC)),
            lambda: add.using(queue_name="unknown"),
            lambda: add.using(max_retries=-1),
            lambda: add.using(timeout="soon"),
            lambda: add.using(ttl_seconds=0),
            lambda: replace(add, func=nested),
            lambda: replace(add, func=tasks.misnamed_function).enqueue(),
        ):
            with pytest.raises(InvalidTask):
                refused()
        before = stored()
        show: Any = tasks.show_context
        for refused in (
            lambda: add.enqueue(object()),
            lambda: add.enqueue(),
            lambda: add.enqueue(1, c=1),
            lambda: tasks.take.enqueue(datetime.now(UTC)),
            lambda: show.enqueue(day="tomorrow"),
        ):
            with pytest.raises(TypeError):
                refused()
        with pytest.raises(InvalidTask):
            add.enqueue("\0")
        assert stored() == before

    def test_results_of_others_are_not_shown(self) -> None:
        own = plain_tasks.query.using(connection).queue().task_id or ""
        strict = tasks.decline.enqueue(1).id
        for task_id in (own, strict, str(uuid.uuid4()), "nonsense"):
            with pytest.raises(TaskResultDoesNotExist):
                task_backends["default"].get_result(task_id)


class Projects(TestCase):
    def test_the_url_leads_to_the_database_of_django(self) -> None:
        with psycopg.connect(database_url("default")) as conn:
            assert conn.info.dbname == connection.settings_dict["NAME"]
        with patch.dict(connection.settings_dict["OPTIONS"], assume_role="pg_monitor"):
            url = database_url("default")
        with psycopg.connect(url) as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("pg_monitor",)

    def test_checks_find_a_wrong_database(self) -> None:
        for database in ("unknown", "files"):
            with override_settings(TASKS=backend(database=database)):
                assert [error.id for error in run_checks()] == ["lapinq.E001"]
        with modify_settings(INSTALLED_APPS={"remove": ["lapinq.contrib.django"]}):
            assert {error.id for error in run_checks()} == {"lapinq.E002"}
        with override_settings(TASKS=backend(databse="default")), pytest.raises(ImproperlyConfigured):
            lapinq_backends()

    def test_commands_name_what_is_wrong(self) -> None:
        with pytest.raises(CommandError, match="DATABASES has no 'unknown'"):
            call_command("lapinq_migrate", "--database", "unknown")
        with override_settings(TASKS=backend(database="files")), pytest.raises(CommandError):
            call_command("lapinq_migrate")
        for arguments in (["--concurency", "3"], ["--concurrency", "many"]):
            with contextlib.redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit):
                call_command("lapinq_worker", *arguments)
            assert "--concur" in said.getvalue()

    def test_the_migration_has_run_already(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            call_command("lapinq_migrate")
        assert "schema is at" in said.getvalue()

    def test_the_admin_leads_to_the_dashboard(self) -> None:
        self.client.force_login(User.objects.create_superuser("admin"))
        self.assertContains(
            self.client.get("/admin/"), '<a href="http://127.0.0.1:8001/">Tasks</a>', html=True
        )


def backend(**options: str) -> dict[str, Any]:
    return {"default": {"BACKEND": "lapinq.contrib.django.LapinqBackend", "OPTIONS": options}}
