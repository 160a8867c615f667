"""An upgrade as docs/operate/upgrading.md describes it: the schema changes while the previous release runs, then both
releases work side by side.

Each release has a server, and a worker for the queues named after it. Only the previous release has a scheduler.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

import lapinq_migrations
from lapinq import TaskQueue
from lapinq_core.db.migrate import current_revision, head_revision, migrate
from lapinq_core.upkeep import rescuing
from tests.support.database import postgres, state_machine
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.database.schema import COMMITTED, dump
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.http.schedules_over_http import create, path
from tests.support.programs.command_line import lapinq_process
from tests.support.programs.previous_release import environment
from tests.support.programs.processes import ApiProcess
from tests.support.rows.factories import Conn
from tests.support.rows.rescue import ANY_TIME
from tests.support.sample import tasks
from tests.support.sample.starts import starts

pytestmark = pytest.mark.slow

PREVIOUS, NEW = "previous", "new"

BOTH_WAYS = pytest.mark.parametrize(("asked", "other"), [(PREVIOUS, NEW), (NEW, PREVIOUS)])
"""The release whose API is asked, and the one whose worker is concerned."""

QUICK = {
    PREVIOUS: {
        "LAPINQ_HEARTBEAT_INTERVAL": "0.1",
        "LAPINQ_LEASE_SECONDS": "3",
        "LAPINQ_STALE_RECOVERY_INTERVAL": "0.2",
        "LAPINQ_SCHEDULER_INTERVAL": "0.2",
    },
    # A rescue is then always the other's.
    NEW: {"LAPINQ_HEARTBEAT_INTERVAL": "0.1", "LAPINQ_STALE_RECOVERY_INTERVAL": "3600"},
}


class Fleet:
    """The servers of both releases by name, and their database.

    `ids` are the tasks from before the upgrade, `schema` is what it led to, `rewritten` are the tables it rewrote.
    """

    def __init__(self, database: str, gate: Path, previous: Path) -> None:
        self.database = database
        self.gate = gate
        self.clients: dict[str, httpx.Client] = {}
        self.ids: dict[str, str] = {}
        self.schema = ""
        self.rewritten: dict[str, int] = {}
        self.previous_release = previous

    def post(self, asked: str, path: str, **body: Any) -> Any:
        answer = self.clients[asked].post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, asked: str, path: str, **params: Any) -> Any:
        answer = self.clients[asked].get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    def enqueue(self, asked: str, queue: str, name: str, *args: Any, **values: Any) -> str:
        """The id of a task of `tests.support.sample.tasks`, enqueued through the API of `asked`."""
        body = {
            "task_name": name,
            "module_path": "tests.support.sample.tasks",
            "args": args,
            "queue_name": queue,
        }
        return self.post(asked, "/api/v1/enqueue", **body, **values)["task_id"]

    def result(self, asked: str, task: str) -> dict[str, Any]:
        """How it ended, once it has."""
        return self.get(asked, f"/api/v1/tasks/{task}/result", wait=30)

    def task(self, asked: str, task: str) -> dict[str, Any]:
        return self.get(asked, f"/api/v1/tasks/{task}")

    def worker(self, asked: str, of: str) -> dict[str, Any]:
        """The worker of that release."""
        workers = self.get(asked, "/api/v1/workers")["workers"]
        (found,) = [worker for worker in workers if of in worker["queues"]]
        return found


@contextmanager
def serving(fleet: Fleet, name: str, *flags: str, env: Mapping[str, str] | None = None) -> Generator[None]:
    """A server and worker of that release, as long as the context lasts."""
    worker = ("--worker", "--worker-pool", "threads", "--queue", name, "--queue", f"{name}-2")
    env = {**QUICK[name], **(env or {})}
    with (
        ApiProcess(fleet.database, *worker, *flags, env=env) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        fleet.clients[name] = client
        yield


@pytest.fixture(scope="module")
def fleet(
    postgres_url: str, previous_release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    """Both releases after the upgrade, with tasks from before it."""
    with postgres.private_database(postgres_url) as database:
        fleet = Fleet(database, tmp_path_factory.mktemp("gates") / "gate", previous_release)
        with serving(fleet, PREVIOUS, "--scheduler", env=environment(previous_release)):
            store_tasks(fleet)
            upgrade_schema(fleet)
            state_machine.install(database)
            with serving(fleet, NEW):
                yield fleet
        check_invariants(database, fleet.ids.values())


def store_tasks(fleet: Fleet) -> None:
    """Tasks in every status that one can have, and a schedule, through the previous release alone."""
    fleet.ids = {
        "completed": fleet.enqueue(PREVIOUS, PREVIOUS, "aadd", 1, 2, metadata={"label": "seven"}),
        "failed": fleet.enqueue(PREVIOUS, PREVIOUS, "afail", "out of paper", max_retries=0),
        "running": fleet.enqueue(PREVIOUS, PREVIOUS, "await_for", str(fleet.gate), timeout_seconds=90),
        "delayed": fleet.enqueue(PREVIOUS, PREVIOUS, "add", 1, 2, scheduled_at="2090-01-31T12:00:00Z"),
        "ready": fleet.enqueue(PREVIOUS, "unserved", "add", 1, 2, priority=5),
        "cancelled": fleet.enqueue(PREVIOUS, "unserved", "add", 1, 2),
    }
    assert fleet.clients[PREVIOUS].delete(f"/api/v1/tasks/{fleet.ids['cancelled']}").is_success
    create(fleet.clients[PREVIOUS], "from before", timezone="Europe/Madrid")
    for name in ("completed", "failed"):
        fleet.result(PREVIOUS, fleet.ids[name])
    eventually(lambda: fleet.task(PREVIOUS, fleet.ids["running"])["status"] == "running")


def upgrade_schema(fleet: Fleet) -> None:
    """Migrates as this release does, and notes what came of it."""
    before = files_of_tables(fleet.database)
    migrate(fleet.database)
    fleet.rewritten = dict(before.items() - files_of_tables(fleet.database).items())
    with psycopg.connect(fleet.database) as connection:
        fleet.schema = dump(connection)


def files_of_tables(database: str) -> dict[str, int]:
    """The file of each table; a table that is rewritten gets another."""
    with psycopg.connect(database) as connection:
        return dict(
            connection.execute(
                "SELECT relname, pg_relation_filenode(oid)::bigint FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        )


def test_the_schema_becomes_that_of_a_new_database_and_no_table_is_rewritten(fleet: Fleet) -> None:
    # docs/operate/upgrading.md says how briefly a migration locks; this is why.
    assert fleet.schema == COMMITTED.read_text()
    assert fleet.rewritten == {}


def test_what_is_stored_outlives_the_upgrade_and_both_find_it(fleet: Fleet) -> None:
    shown = {name: fleet.task(NEW, task) for name, task in fleet.ids.items()}
    assert {name: task["status"] for name, task in shown.items() if name != "running"} == {
        "completed": "completed",
        "failed": "failed",
        "delayed": "pending",
        "ready": "pending",
        "cancelled": "cancelled",
    }
    assert (shown["completed"]["result"], shown["completed"]["metadata"]) == ("3", {"label": "seven"})
    assert shown["failed"]["error"] == "ValueError: out of paper"
    assert (shown["running"]["timeout_seconds"], shown["ready"]["priority"]) == (90, 5)
    assert fleet.get(NEW, path("from before"))["timezone"] == "Europe/Madrid"
    for task in fleet.ids.values():
        new, previous = (fleet.get(name, f"/api/v1/tasks/{task}/attempts") for name in (NEW, PREVIOUS))
        # This release tells more of each.
        assert [one.items() >= other.items() for one, other in zip(new, previous, strict=True)] == [
            True
        ] * len(new)
    for params in (
        {"queue": "unserved", "status": "pending"},
        {"task_name": "add", "args": "2"},
        {"status": "failed", "queue": PREVIOUS, "task_name": "afail", "error": "paper"},
        {"status": "cancelled", "task_name": "add"},
    ):
        new, previous = (
            [task["id"] for task in fleet.get(name, "/api/v1/tasks", **params)] for name in (NEW, PREVIOUS)
        )
        assert new == previous != [], params
    # It ran through the upgrade.
    fleet.gate.touch()
    assert fleet.result(NEW, fleet.ids["running"])["status"] == "completed"
    assert fleet.task(NEW, fleet.ids["running"])["attempts"] == 1


@BOTH_WAYS
def test_each_runs_and_retries_what_the_other_enqueued(
    fleet: Fleet, asked: str, other: str, tmp_path: Path
) -> None:
    values = {"metadata": {"a": 1}, "timeout_seconds": 50, "priority": 7}
    task = fleet.enqueue(asked, other, "file_of", "lapinq_core.db.migrate", **values)
    file = Path(json.loads(fleet.result(asked, task)["result"]))
    assert file.is_relative_to(fleet.previous_release) == (other == PREVIOUS)
    for name in (asked, other):
        assert fleet.task(name, task).items() >= values.items()
    failing = fleet.enqueue(asked, other, "afail", "no", max_retries=1, retry_delay=0.05)
    assert fleet.result(asked, failing)["status"] == "failed"
    attempts = fleet.get(asked, f"/api/v1/tasks/{failing}/attempts")
    assert [attempt["error"] for attempt in attempts] == ["ValueError: no"] * 2
    assert fleet.enqueue(asked, other, "amark", str(tmp_path), "once", ttl_seconds=0) is None
    eventually(lambda: starts(tmp_path) == {"once": 1})


@BOTH_WAYS
def test_each_cancels_what_the_other_runs(fleet: Fleet, asked: str, other: str, tmp_path: Path) -> None:
    task = fleet.enqueue(asked, other, "await_for", str(tmp_path / "gate"))
    eventually(lambda: fleet.task(asked, task)["status"] == "running")
    assert fleet.clients[asked].delete(f"/api/v1/tasks/{task}?running=true").is_success
    assert fleet.result(asked, task)["status"] == "cancelled"


@BOTH_WAYS
def test_each_pauses_queues_and_quiets_workers_of_the_other(fleet: Fleet, asked: str, other: str) -> None:
    fleet.post(asked, f"/api/v1/queues/{other}/pause", reason="to see")
    waits = fleet.enqueue(asked, other, "aadd", 1, 2, priority=9)
    fleet.result(asked, fleet.enqueue(asked, f"{other}-2", "aadd", 1, 2))
    assert fleet.task(asked, waits)["status"] == "pending"
    assert fleet.get(other, f"/api/v1/queues/{other}")["pause_reason"] == "to see"
    fleet.post(asked, f"/api/v1/queues/{other}/resume")
    assert fleet.result(asked, waits)["status"] == "completed"
    where = f"/api/v1/workers/{fleet.worker(asked, other)['id']}"
    for order, state in (("quiet", "quiet"), ("resume", "alive")):
        fleet.post(asked, f"{where}/{order}")
        eventually(lambda state=state: fleet.worker(asked, other)["state"] == state)


def test_the_new_release_rescues_what_the_previous_one_runs(fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    task = fleet.enqueue(NEW, PREVIOUS, "await_for", str(gate), retry_delay=0)
    eventually(lambda: fleet.task(NEW, task)["status"] == "running")

    async def rescue(conn: Conn) -> None:
        # In one transaction, or the previous release may be quicker.
        async with conn.transaction():
            await overdue(conn, task)
            assert await rescuing.rescue(conn, ANY_TIME, 0.5) == {task: PREVIOUS}

    on_connections(fleet.database, rescue)
    eventually(lambda: fleet.task(NEW, task)["attempts"] == 2)
    gate.touch()
    assert fleet.result(NEW, task)["status"] == "completed"


def test_the_previous_release_rescues_what_the_new_one_runs(fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    task = fleet.enqueue(PREVIOUS, NEW, "await_for", str(gate), retry_delay=0)
    eventually(lambda: fleet.task(NEW, task)["status"] == "running")

    async def be_late(conn: Conn) -> None:
        await overdue(conn, task)

    on_connections(fleet.database, be_late)
    eventually(lambda: fleet.task(NEW, task)["attempts"] == 2, 30)
    gate.touch()
    assert fleet.result(NEW, task)["status"] == "completed"


async def overdue(conn: Conn, task: str) -> None:
    """The deadline of a running task has passed."""
    await conn.execute(
        "UPDATE lapinq_running SET deadline_at = lapinq_now() - interval '1 second' WHERE id = %s", (task,)
    )


def test_the_previous_scheduler_fires_what_the_new_release_scheduled(fleet: Fleet) -> None:
    what = {
        "module_path": "tests.support.sample.tasks",
        "task_name": "aadd",
        "args": [1, 2],
        "queue_name": NEW,
    }
    create(fleet.clients[NEW], "soon", cron="* * * * * *", **what)
    ticks = eventually(lambda: fleet.get(NEW, path("soon", "/ticks")))
    assert ticks[-1]["outcome"] == "enqueued"
    assert fleet.result(NEW, ticks[-1]["task_id"])["result"] == "3"
    fleet.post(NEW, path("soon", "/pause"))


@BOTH_WAYS
def test_clients_of_one_work_with_the_server_of_the_other(fleet: Fleet, asked: str, other: str) -> None:
    url = str(fleet.clients[asked].base_url)
    if other == NEW:
        with TaskQueue(url) as queue:
            assert queue.task(queue_name=NEW)(tasks.add).queue(1, 2).result() == 3
        return
    program = (
        "import sys; from lapinq import TaskQueue; from tests.support.sample import tasks\n"
        "with TaskQueue(sys.argv[1]) as queue:\n"
        "    print(queue.task(queue_name='new')(tasks.add).queue(1, 2).result())"
    )
    environ = environment(fleet.previous_release)
    done = subprocess.run(
        [sys.executable, "-c", program, url], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == "3\n", done.stderr


def test_the_pages_of_the_previous_release_show_all(fleet: Fleet) -> None:
    with httpx.Client(base_url=fleet.clients[PREVIOUS].base_url, trust_env=False) as browser:
        log_in(browser)
        for page in (
            "/",
            "/tasks",
            "/failed",
            "/queues",
            "/workers",
            "/schedules",
            "/webhooks",
            "/admin/audit",
        ):
            assert browser.get(page).status_code == 200, page
        assert "out of paper" in browser.get(f"/tasks/{fleet.ids['failed']}").text


def test_each_revision_is_a_transaction_of_its_own(database: str, tmp_path: Path) -> None:
    # Those of the next release, of which the second fails.
    shutil.copytree(Path(lapinq_migrations.__file__).parent, tmp_path / "lapinq_migrations")
    first = head_revision()
    second, third = (f"{int(first) + n:04}" for n in (1, 2))
    add_revision(
        *(tmp_path, second, first),
        "op.execute('ALTER TABLE lapinq_tasks ADD COLUMN tenant text')",
        "with op.get_context().autocommit_block():",
        "    op.execute('CREATE INDEX CONCURRENTLY lapinq_running_attempt ON lapinq_running (attempt)')",
    )
    add_revision(
        *(tmp_path, third, second),
        "op.execute('DROP INDEX lapinq_running_attempt')",
        "op.execute('SELECT 1 / 0')",
    )
    done = lapinq_process(database, "migrate", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "division by zero" in done.stderr
    with psycopg.connect(database) as connection:
        assert current_revision(connection) == second
        connection.execute("SELECT tenant FROM lapinq_tasks")
        connection.execute("DROP INDEX lapinq_running_attempt")


def add_revision(folder: Path, revision: str, before: str, *lines: str) -> None:
    """One whose upgrade is these lines."""
    text = [
        "from alembic import op",
        f"revision, down_revision = {revision!r}, {before!r}",
        "def upgrade():",
        *(f"    {line}" for line in lines),
    ]
    (folder / "lapinq_migrations" / "versions" / f"{revision}_next.py").write_text("\n".join(text))
