"""lapinq, measured by its real parts: worker and server processes, tasks handed in by its client."""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import migrate
from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import PROGRAMS, About, Contender, Store, number
from tests.bench.run.facts import version_facts
from tests.bench.run.plan import Plan
from tests.bench.run.processes import Processes
from tests.support.database import postgres

START_SECONDS = 30.0
_PROGRAM = [sys.executable, "-m", "lapinq"]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@contextmanager
def lapinq(server_url: str, processes: Processes, plan: Plan) -> Generator[Contender]:
    """lapinq, with a migrated database to copy while the context lasts."""
    # Not the template of the tests: that one checks every move of a task.
    with postgres.private_database(server_url) as template:
        migrate(template)
        name = str(conninfo_to_dict(template)["dbname"])
        yield Contender(
            about=About(
                name="lapinq",
                versions=version_facts(),
                settings=f"{plan.concurrency} coroutines at once; no log line per task or request; else the defaults",
                durability="each commit is on disk; tasks of a dead worker run again after its lease",
                history="every task, attempt and result is kept",
                brief="durable, all kept",
            ),
            processes=processes,
            fresh_database=lambda: postgres.private_database(server_url, name),
            opened=_opened,
            environment=lambda url: {"DATABASE_URL": url, "LAPINQ_URL": url},
            producer=[sys.executable, "-m", "tests.bench.contenders.lapinq_producer"],
            workers={
                "coroutines": _worker(f"--concurrency {plan.concurrency}"),
                "default log": [*_PROGRAM, "worker", "--concurrency", str(plan.concurrency)],
                "one queue": _worker(f"--concurrency {plan.concurrency} --queue default"),
                "ten slots": _worker("--concurrency 10"),
                "threads": _worker(f"--pool threads --concurrency {plan.threads}"),
                "processes": _worker(f"--pool processes --concurrency {plan.processes}"),
            },
            http_server=lambda database: _serving(processes, database),
            add_waiting=lambda conn, count: lapinq_refill.add(conn, lapinq_refill.WAITING, "long", count),
            measures=[*PROGRAMS, "mix", "backlog", "snapshot"],
        )


def _worker(options: str) -> list[str]:
    # The others log no line per task either.
    return [*_PROGRAM, "worker", "--no-task-log", *options.split()]


@contextmanager
def _serving(processes: Processes, database: str) -> Generator[int]:
    # As that of lapinq 1.3.0: no line per request.
    command = [*_PROGRAM, "server", "--host", "127.0.0.1", "--port", "0", "--log-level", "warning"]
    with processes.start(command, {"DATABASE_URL": database}) as process:
        process.wait_until(lambda: _ADDRESS.search(process.output), START_SECONDS, "no address")
        yield int(_ADDRESS.findall(process.output)[0])
        process.check_alive()


@contextmanager
def _opened(database: str) -> Generator[Store]:
    """Asks the counts that the worker keeps: a few rows a statement, folded every few seconds."""
    with psycopg.connect(database, autocommit=True) as conn:

        def is_drained(tasks: int, failed: bool) -> bool:
            return (
                number(conn, f"SELECT sum({'failed' if failed else 'completed'}) FROM lapinq_counts") >= tasks
            )

        yield Store(lambda: number(conn, "SELECT count(*) FROM lapinq_tasks"), is_drained, conn)
