"""A database in use. Whatever is done wrong to it, what it held is still there afterwards, and tasks still run."""

from collections.abc import Iterator

import psycopg
import pytest

from lapinq.testing import Database, DatabaseWorker
from tests.support.database.invariants import check_invariants
from tests.support.database.postgres import private_database
from tests.support.database.running import on_connections
from tests.support.programs.command_line import lapinq
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, new_task
from tests.support.rows.schedules import add_schedule

TABLES = (
    "lapinq_tasks",
    "lapinq_schedules",
    "lapinq_users",
    "lapinq_api_keys",
    "lapinq_queues",
    "lapinq_limits",
    "lapinq_webhooks",
)


@pytest.fixture(scope="module")
def in_use(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL. At the end nothing is missing, nothing is added, and the tasks from before the mistakes complete."""
    with private_database(postgres_url, template_database) as url:
        tasks = [new_task(task_name="add", args=[1, number], queue_name="mail") for number in range(3)]
        ids = enqueue_all(url, tasks)
        on_connections(url, _add_schedule)
        lapinq(url, "user", "add", "lisa", "--role", "admin", "--password-stdin", stdin="correct horse")
        lapinq(url, "limit", "set", "mailer", "--max-running", "1")
        lapinq(url, "breaker", "set", "send_news", "--create", "--failures-in-row", "5")
        lapinq(url, "queue", "set", "devices", "--create", "--breaker", "5")
        before = _rows(url)
        yield url
        assert _rows(url) == before
        check_invariants(url, ids)
        DatabaseWorker(Database(url), worker_queues=("mail",)).drain()
        with psycopg.connect(url) as conn:
            results = conn.execute(
                "SELECT result FROM lapinq_task_details WHERE id = ANY (%s) ORDER BY id", (ids,)
            )
            assert [result for (result,) in results] == ["1", "2", "3"]


@pytest.fixture
def place(in_use: str) -> tuple[str, str]:
    """The flags that name the database."""
    return "--database-url", in_use


async def _add_schedule(conn: Conn) -> None:
    await add_schedule(conn, "nightly")


def _rows(url: str) -> dict[str, list[str]]:
    with psycopg.connect(url) as conn:
        return {
            table: [row[0] for row in conn.execute(f"SELECT t::text FROM {table} t ORDER BY 1")]  # pyright: ignore[reportArgumentType]
            for table in TABLES
        }
