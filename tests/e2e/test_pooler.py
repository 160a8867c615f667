"""API and scheduler through PgBouncer in transaction mode, as deploy/k8s/components/pooler has them.

The worker goes to the database itself. Left out where there is no PgBouncer: on Debian, `apt-get install pgbouncer`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from lapinq import TaskQueue
from tests.support import pooler, tasks
from tests.support.daemons import Daemon
from tests.support.embedded import open_directory
from tests.support.eventually import eventually
from tests.support.processes import WorkerProcess

pytestmark = pytest.mark.skipif(pooler.PROGRAM is None, reason="there is no PgBouncer")


@pytest.fixture
def pooled(database: str) -> Iterator[str]:
    with open_directory() as directory, pooler.pooler(database, directory) as url:
        yield url


def test_a_pooled_connection_has_the_limits_of_lapinqs_own(pooled: str) -> None:
    with psycopg.connect(pooled, autocommit=True) as connection:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert found == [("30s",), ("5s",), ("1min",), ("UTC",)]


def test_tasks_and_schedules_run_while_many_share_three_connections(database: str, pooled: str) -> None:
    listening = {"LAPINQ_LISTEN_DATABASE_URL": database}
    count = 200
    with (
        Daemon("lapinq-api", "--port", "0", "--database-url", pooled, env=listening) as first,
        Daemon("lapinq-api", "--port", "0", "--database-url", pooled, env=listening) as second,
        WorkerProcess(database),
        Daemon("lapinq-scheduler", "--database-url", pooled, env=listening) as scheduler,
    ):
        urls = (first.url, second.url)

        def run(number: int) -> str:
            with TaskQueue(urls[number % 2]) as queue:
                return queue.task(tasks.aadd).queue(number, 1).wait(timeout=30)["result"]

        with ThreadPoolExecutor(16) as threads:
            assert [int(value) for value in threads.map(run, range(count))] == [n + 1 for n in range(count)]
        schedule = {
            "name": "often",
            "every": "1s",
            "task_name": "aadd",
            "module_path": tasks.__name__,
            "args": [1, 1],
        }
        httpx.post(f"{first.url}/api/v1/schedules", json=schedule, trust_env=False).raise_for_status()
        eventually(lambda: completed(second.url) >= count + 2, timeout=30)
        assert servers_connections(database) <= pooler.POOL_SIZE
        for program in (first, second, scheduler):
            assert program.stop() == 0
            assert "rror" not in program.output, program.output


def completed(url: str) -> int:
    return sum(queue["completed"] for queue in httpx.get(f"{url}/api/v1/queues", trust_env=False).json())


def servers_connections(database: str) -> int:
    """How many connections the pooler has."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name !~ 'worker|listen'"
        ).fetchone()
    assert row is not None
    return row[0]
