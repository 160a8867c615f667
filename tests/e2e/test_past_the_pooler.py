"""All daemons go through PgBouncer in transaction mode, and what takes a session of its own goes past it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from lapinq import TaskQueue
from tests.support.database import postgres
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.pgbouncer import POOL_SIZE, PROGRAM, pooler
from tests.support.eventually import eventually
from tests.support.programs.daemons import Daemon
from tests.support.programs.log_lines import own_tracebacks
from tests.support.programs.processes import Program
from tests.support.sample import tasks
from tests.support.sample.starts import starts

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer")]

AS_SET_BY_THE_POOLER = {
    "statement_timeout": "30000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "60000",
    "TimeZone": "UTC",
    "default_transaction_isolation": "read committed",
    # What the connections that claim and settle change must not show anywhere.
    "enable_seqscan": "on",
    "enable_bitmapscan": "on",
    "enable_hashjoin": "on",
    "enable_mergejoin": "on",
    "enable_sort": "on",
    "jit": "on",
}


def through(pooled: str, direct: str) -> dict[str, str]:
    """The settings of a daemon behind a pooler."""
    return {"DATABASE_URL": pooled, "LAPINQ_LISTEN_DATABASE_URL": direct}


def test_tasks_schedules_and_cancelling_work_and_no_setting_leaks(database: str, tmp_path: Path) -> None:
    with pooler(database) as pooled, ExitStack() as stack:
        env = through(pooled, database)
        api = stack.enter_context(Program("server", "--port", "0", env=env))
        workers = [
            stack.enter_context(Program("worker", "--concurrency", "5", "--shutdown-grace", "2", env=env))
            for _ in range(2)
        ]
        stack.enter_context(Program("scheduler", env=env))
        url = api.said(r"http://[\w.:]+").group(0)
        client = stack.enter_context(httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=30))

        schedule = {
            "name": "often",
            "module_path": "tests.support.sample.tasks",
            "task_name": "anoop",
            "every": "1s",
        }
        assert client.post("/schedules", json=schedule).status_code == 201
        endless = client.post("/enqueue", json=task("amark", str(tmp_path), "endless", 600)).json()["task_id"]
        eventually(lambda: starts(tmp_path), 30)
        quick = [task("aadd", 1, 1), task("add", 1, 1), task("afail", "so")]
        ids = [
            task_id
            for _ in range(2)
            for task_id in client.post("/enqueue/batch", json=quick * 50).json()["task_ids"]
        ]
        policy = {"max_running": 4, "max_running_per_key": 1, "rate": {"limit": 1000, "period_seconds": 1}}
        assert client.patch("/queues/orders", json=policy).status_code == 200
        keyed = [task("aadd", 1, n) | {"queue_name": "orders", "key": f"customer {n % 5}"} for n in range(50)]
        ids += client.post("/enqueue/batch", json=keyed).json()["task_ids"]
        unique = task("aadd", 1, 1) | {"unique": {"key": "one"}, "scheduled_at": "2100-01-01T00:00:00Z"}
        first, second = (client.post("/enqueue", json=unique).json()["task_id"] for _ in range(2))
        assert first == second
        client.delete(f"/tasks/{first}")
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        delayed = client.post("/enqueue", json=task("aadd", 2, 3) | {"scheduled_at": soon}).json()["task_id"]
        assert client.get(f"/tasks/{delayed}/result?wait=20").json()["result"] == "5"
        client.delete(f"/tasks/{endless}?running=true")
        assert client.get(f"/tasks/{endless}/result?wait=20").json()["status"] == "cancelled"
        eventually(lambda: client.get("/schedules/often/ticks").json(), 20)
        client.post("/schedules/often/pause")
        eventually(lambda: not {"pending", "running"} & statuses(database).keys(), 30)

        found = statuses(database)
        assert (found["failed"], found["cancelled"]) == (100, 2)
        assert settings_of_all(pooled) == [AS_SET_BY_THE_POOLER] * POOL_SIZE
        # Whoever has a session that somebody else uses as well says so.
        assert [own_tracebacks(program.output) for program in [api, *workers]] == [[]] * (1 + len(workers))
        check_invariants(database, [*ids, delayed, endless, first])


def test_many_share_three_connections(database: str) -> None:
    count, size = 200, 3
    with pooler(database, size) as pooled, ExitStack() as stack:
        env = through(pooled, database)
        apis = [stack.enter_context(Daemon("lapinq-api", "--port", "0", env=env)) for _ in range(2)]
        others = [
            stack.enter_context(Daemon(name, env=env)) for name in ("lapinq-worker", "lapinq-scheduler")
        ]
        urls = [api.url for api in apis]
        for url in urls:
            eventually(lambda url=url: httpx.get(f"{url}/readyz", trust_env=False).status_code == 200, 30)

        aadds = [stack.enter_context(TaskQueue(url)).task(tasks.aadd) for url in urls]

        def run(number: int) -> str:
            return aadds[number % 2].queue(number, 1).wait(timeout=30)["result"]

        with ThreadPoolExecutor(16) as threads:
            assert [int(value) for value in threads.map(run, range(count))] == [n + 1 for n in range(count)]
        with psycopg.connect(database) as conn:
            kept = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND application_name !~ 'listen|claim|settle'"
            ).fetchone()
        assert kept is not None
        assert kept[0] <= size
        for program in (*apis, *others):
            assert program.stop() == 0, program.output


def task(name: str, *args: object) -> dict[str, object]:
    return {
        "module_path": "tests.support.sample.tasks",
        "task_name": name,
        "args": args,
        "max_retries": 0,
    }


def settings_of_all(pooled: str) -> list[dict[str, str]]:
    """What holds on each of the connections that the pooler has to the server."""
    ask = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    with ExitStack() as stack:
        # Each is in a transaction from its first statement on, and keeps its connection until the end.
        conns = [stack.enter_context(psycopg.connect(pooled)) for _ in range(POOL_SIZE)]
        return [dict(conn.execute(ask, [list(AS_SET_BY_THE_POOLER)]).fetchall()) for conn in conns]


def test_migrating_goes_past_the_pooler(postgres_url: str) -> None:
    for command in ("migrate", "server --port 0"):
        with postgres.private_database(postgres_url) as empty, pooler(empty) as pooled:
            with Program(*command.split(), env=through(pooled, empty)) as program:
                if command == "migrate":
                    assert program.wait() == 0, program.output
                else:
                    program.said("dashboard http")
            assert statuses(empty) == {}
            with psycopg.connect(empty) as conn:
                # One taken through the pooler would stay with a connection that goes on, and keep others away.
                [locks] = conn.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchall()
                assert locks == (0,)
