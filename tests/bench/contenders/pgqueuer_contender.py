"""PgQueuer 1.6 in an environment of its own, set up as its documentation recommends for speed.

Its schema is made by `pgq install` (durable, as ours) and tuned by `pgq autovac`; its worker runs on asyncpg and uvloop
with large batches. Limits of concurrency are not set, so none are checked.
"""

import subprocess
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.contenders.contender import Processes, Produced, number
from tests.bench.run.plan import Plan
from tests.bench.run.processes import ROOT, Child
from tests.bench.run.server import libpq_variables
from tests.support.database import postgres

REQUIREMENTS = ("pgqueuer==1.6.0", "asyncpg", "uvloop")
VENV = ROOT / ".venv-bench-pgqueuer"
INSTALL_SECONDS = 300.0
SCHEMA_SECONDS = 60.0


class PgQueuer:
    """Its one kind of worker is `coroutines`: it runs nothing else."""

    name = "pgqueuer"

    def __init__(self, server_url: str, template: str, processes: Processes, plan: Plan) -> None:
        """`template` is the name of a database with its schema."""
        self._server_url = server_url
        self._template = template
        self._processes = processes
        self._batch_size = plan.concurrency
        self._pool = plan.pgqueuer_pool

    def fresh_database(self) -> AbstractContextManager[str]:
        return postgres.private_database(self._server_url, self._template)

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        command = [
            _program("python"),
            "-m",
            "tests.bench.contenders.pgqueuer_producer",
            verb,
            function,
            *map(str, numbers),
        ]
        return self._processes.produce(command, libpq_variables(database), limit=limit)

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        assert kind == "coroutines"
        sizes = [str(self._batch_size), str(self._pool)]
        command = [_program("python"), "-m", "tests.bench.contenders.pgqueuer_worker", *sizes]
        return self._processes.start(command, libpq_variables(database), marks_in=marks)

    def stored(self, conn: psycopg.Connection) -> int:
        return int(number(conn, "SELECT count(*) FROM pgqueuer"))

    def is_drained(self, conn: psycopg.Connection, tasks: int) -> bool:
        # A task leaves three rows in the log: when it was queued, picked and ended. Counting them all the time would
        # slow it down, reading the last id does not.
        if number(conn, "SELECT max(id) FROM pgqueuer_log") < 3 * tasks:
            return False
        return number(conn, "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'") >= tasks

    def finished_before(self, conn: psycopg.Connection, moment: float) -> int:
        query = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful' AND created < to_timestamp(%s)"
        return int(number(conn, query, moment))

    def last_finish(self, conn: psycopg.Connection) -> float:
        query = (
            "SELECT extract(epoch FROM max(created))::float8 FROM pgqueuer_log WHERE status = 'successful'"
        )
        return number(conn, query)


@contextmanager
def pgqueuer(server_url: str, processes: Processes, plan: Plan) -> Generator[PgQueuer]:
    """PgQueuer, installed where it wasn't yet, with a database of its schema to copy while the context lasts."""
    if installed_versions() is None:
        processes.run([sys.executable, "-m", "venv", "--clear", str(VENV)], {}, limit=INSTALL_SECONDS)
        install = [_program("python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        processes.run(install, {}, limit=INSTALL_SECONDS)
    with postgres.private_database(server_url) as template:
        for verb in ("install", "autovac"):
            processes.run([_program("pgq"), verb], libpq_variables(template), limit=SCHEMA_SECONDS)
        yield PgQueuer(server_url, str(conninfo_to_dict(template)["dbname"]), processes, plan)


def installed_versions() -> dict[str, str] | None:
    """The versions in PgQueuer's environment; None where it isn't there, or not as it should be."""
    names = [requirement.partition("==")[0] for requirement in REQUIREMENTS]
    program = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    try:
        done = subprocess.run(
            [_program("python"), "-c", program, *names], capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    versions = dict(zip(names, done.stdout.split(), strict=True))
    return versions if f"pgqueuer=={versions['pgqueuer']}" in REQUIREMENTS else None


def _program(name: str) -> str:
    return str(VENV / "bin" / name)
