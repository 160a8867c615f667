"""Workflows in the caller's transaction, with every driver."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from lapinq import TaskQueue
from lapinq._client import workflows
from lapinq.errors import RequestRefused
from tests.support.database.postgres import private_database
from tests.support.drivers.for_coroutines import FOR_COROUTINES
from tests.support.drivers.plain import PLAIN
from tests.support.drivers.urls import plain_url
from tests.support.sample import tasks


@pytest.fixture(scope="module")
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    with private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def queue(url: str) -> Iterator[TaskQueue]:
    with TaskQueue(plain_url(url), uuid.uuid4().hex) as queue:
        yield queue


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that each workflow takes two statements."""
    monkeypatch.setattr(workflows, "MAX_TASKS", 2)


def stored(url: str, queue: TaskQueue) -> list[str]:
    """The refs of the queue's tasks."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT m.ref FROM lapinq_workflow_tasks m JOIN lapinq_tasks t ON t.id = m.task_id"
            " WHERE t.queue_name = %s ORDER BY m.task_id",
            (queue.queue_name,),
        )
        return [row[0] for row in rows]


@pytest.mark.parametrize("driver", PLAIN)
def test_a_workflow_exists_if_the_transaction_commits(driver: str, url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    with PLAIN[driver](url) as user:
        for end in (user.rollback, user.commit):
            with queue.using(user.connection).workflow("sums", metadata={"a": "\u00e4"}) as flow:
                total = flow.add(add, flow.add(add, 1, 2), flow.add(add, 3, 4))
            assert stored(url, queue) == []
            end()
        assert stored(url, queue) == ["add", "add-2", "add-3"]
        assert (flow.ref.status(), total.ref.status()) == ("running", "pending")

        with suppress(ZeroDivisionError), user.savepoint():
            with queue.using(user.connection).workflow("lost") as flow:
                flow.add(add, 1, 1)
            raise ZeroDivisionError
        keyed = queue.task(unique="key")(tasks.noop)
        keyed.queue()
        refused = pytest.raises(RequestRefused, match=r"409: the task .* has")
        with refused, queue.using(user.connection).workflow("refused") as flow:
            flow.add(keyed.options(after=[flow.add(add, 1, 1), flow.add(add, 1, 1)]))
        user.commit()
        assert stored(url, queue) == ["add", "add-2", "add-3"]


@pytest.mark.parametrize("driver", FOR_COROUTINES)
async def test_the_same_holds_for_coroutines(driver: str, url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    async with FOR_COROUTINES[driver](url) as user:
        for end in (user.rollback, user.commit):
            async with queue.using(user.connection).workflow("sums") as flow:
                flow.add(add, flow.add(add, 1, 2), flow.add(add, 3, 4))
            assert stored(url, queue) == []
            await end()
        assert stored(url, queue) == ["add", "add-2", "add-3"]


def test_the_block_must_suit_the_connection(url: str, queue: TaskQueue) -> None:
    with psycopg.connect(url) as conn:
        flow: Any = queue.using(conn).workflow("sums")
        with pytest.raises(TypeError, match="write `with`, not `async with`"):
            flow.__aenter__()
