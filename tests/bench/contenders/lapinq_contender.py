"""lapinq, measured by its real parts: worker and server processes, tasks handed in by its own verbs."""

import re
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import migrate
from tests.bench.contenders.contender import Processes, Produced, number
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child
from tests.support.database import postgres

START_SECONDS = 30.0


class Lapinq:
    """Kinds of worker: `coroutines`, the same for `one queue`, and for plain functions `threads` and `processes`."""

    name = "lapinq"

    def __init__(self, server_url: str, template: str, processes: Processes, plan: Plan) -> None:
        """`template` is the name of a migrated database."""
        self.server_url = server_url
        self._template = template
        self.processes = processes
        self._options = {
            "coroutines": ("--concurrency", str(plan.concurrency)),
            "one queue": ("--concurrency", str(plan.concurrency), "--queue", "default"),
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
        # PgQueuer logs no line per task either.
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log", *self._options[kind]]
        return self.processes.start(command, {"DATABASE_URL": database}, marks_in=marks)

    @contextmanager
    def http_server(self, database: str) -> Generator[int]:
        """The port of an API server without a worker in it."""
        command = [sys.executable, "-m", "lapinq", "server", "--host", "127.0.0.1", "--port", "0"]
        with self.processes.start(command, {"DATABASE_URL": database}) as process:
            give_up = time.monotonic() + START_SECONDS
            while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", process.output)):
                process.check_alive()
                if time.monotonic() > give_up:
                    raise BenchError(f"no address after {START_SECONDS:.0f} s: {process.tail()}")
                time.sleep(0.05)
            yield int(found[1])
            process.check_alive()

    def stored(self, conn: psycopg.Connection) -> int:
        return int(number(conn, "SELECT count(*) FROM lapinq_tasks"))

    def is_drained(self, conn: psycopg.Connection, tasks: int) -> bool:
        # A few rows a statement of the worker, folded every few seconds.
        return number(conn, "SELECT sum(completed) FROM lapinq_counts") >= tasks

    def finished_before(self, conn: psycopg.Connection, moment: float) -> int:
        query = "SELECT count(*) FROM lapinq_attempts WHERE finished_at < to_timestamp(%s)"
        return int(number(conn, query, moment))

    def last_finish(self, conn: psycopg.Connection) -> float:
        return number(conn, "SELECT extract(epoch FROM max(finished_at))::float8 FROM lapinq_attempts")


@contextmanager
def lapinq(server_url: str, processes: Processes, plan: Plan) -> Generator[Lapinq]:
    """lapinq, with a migrated database to copy while the context lasts."""
    # Not the template of the tests: that one checks every move of a task.
    with postgres.private_database(server_url) as template:
        migrate(template)
        yield Lapinq(server_url, str(conninfo_to_dict(template)["dbname"]), processes, plan)
