"""lapinq, measured by its real parts: worker and server processes, tasks handed in by its own verbs."""

import re
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import migrate
from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import About, Processes, Produced
from tests.bench.contenders.postgres_store import PostgresStore, number
from tests.bench.run.facts import version_facts
from tests.bench.run.plan import Plan
from tests.bench.run.processes import Child
from tests.support.database import postgres

START_SECONDS = 30.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class LapinqStore(PostgresStore):
    """Asks the counts that the worker keeps: a few rows a statement, folded every few seconds."""

    def __init__(self, conn: psycopg.Connection) -> None:
        super().__init__(conn, "SELECT count(*) FROM lapinq_tasks", "")
        self._counts = conn

    def is_drained(self, tasks: int, *, failed: bool = False) -> bool:
        state = "failed" if failed else "completed"
        return number(self._counts, f"SELECT sum({state}) FROM lapinq_counts") >= tasks


class Lapinq:
    """Kinds of worker: `coroutines`, the same for `one queue` or with `ten slots`, and for plain functions `threads`
    and `processes`."""

    share = 1.0
    measures = frozenset({"drain", "latency", "single", "backlog", "snapshot"})

    def __init__(self, server_url: str, template: str, processes: Processes, plan: Plan) -> None:
        """`template` is the name of a migrated database."""
        self.about = About(
            name="lapinq",
            versions=version_facts(),
            settings=f"defaults: {plan.concurrency} coroutines at once; no log line per task or request",
            durability="each commit is on disk; tasks of a dead worker run again after its lease",
            history="every task, attempt and result is kept",
            brief="durable, all kept",
        )
        self.server_url = server_url
        self._template = template
        self.processes = processes
        self._options = {
            "coroutines": ("--concurrency", str(plan.concurrency)),
            "one queue": ("--concurrency", str(plan.concurrency), "--queue", "default"),
            "ten slots": ("--concurrency", "10"),
            "threads": ("--pool", "threads", "--concurrency", str(plan.threads)),
            "processes": ("--pool", "processes", "--concurrency", str(plan.processes)),
        }

    def fresh_database(self) -> AbstractContextManager[str]:
        return postgres.private_database(self.server_url, self._template)

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        command = [
            sys.executable,
            "-m",
            "tests.bench.contenders.lapinq_producer",
            verb,
            function,
            *map(str, numbers),
        ]
        return self.processes.produce(command, {"DATABASE_URL": database}, limit=limit)

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        # The others log no line per task either.
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log", *self._options[kind]]
        return self.processes.start(command, {"DATABASE_URL": database}, marks_in=marks)

    def add_waiting(self, conn: psycopg.Connection, count: int) -> None:
        lapinq_refill.add_waiting(conn, "long", count)

    @contextmanager
    def http_server(self, database: str) -> Generator[int]:
        """The port of an API server without a worker in it."""
        # As that of lapinq 1.3.0: no line per request.
        flags = ("--host", "127.0.0.1", "--port", "0", "--log-level", "warning")
        command = [sys.executable, "-m", "lapinq", "server", *flags]
        with self.processes.start(command, {"DATABASE_URL": database}) as process:
            process.wait_until(lambda: _ADDRESS.search(process.output), START_SECONDS, "no address")
            found = _ADDRESS.search(process.output)
            assert found is not None
            yield int(found[1])
            process.check_alive()

    @contextmanager
    def opened(self, database: str) -> Generator[LapinqStore]:
        with psycopg.connect(database, autocommit=True) as conn:
            yield LapinqStore(conn)


@contextmanager
def lapinq(server_url: str, processes: Processes, plan: Plan) -> Generator[Lapinq]:
    """lapinq, with a migrated database to copy while the context lasts."""
    # Not the template of the tests: that one checks every move of a task.
    with postgres.private_database(server_url) as template:
        migrate(template)
        yield Lapinq(server_url, str(conninfo_to_dict(template)["dbname"]), processes, plan)
