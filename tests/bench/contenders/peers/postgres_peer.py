"""Another queue on PostgreSQL: a program in an environment of its own, and questions about its tables."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.contenders.contender import About, Place, Produced
from tests.bench.contenders.postgres_store import PostgresStore, postgres_store
from tests.bench.run.processes import Child
from tests.bench.run.server import libpq_variables
from tests.support.database import postgres

SCHEMA_SECONDS = 60.0
DURABLE = "each commit is on disk"


class PostgresPeer:
    """Its `program` takes `work`, or a verb of a producer with its function and numbers.

    DATABASE_URL names the database, and so do the PG… variables.
    """

    def __init__(
        self,
        about: About,
        *,
        place: Place,
        template: str,
        program: Sequence[str],
        worker: Sequence[str] | None = None,
        env: dict[str, str] | None = None,
        stored: str,
        unfinished: str,
        waiting: str = "",
        share: float,
        measures: frozenset[str] = frozenset({"drain", "latency", "single"}),
    ) -> None:
        """`template` is the URL of a database with its schema; `worker` the command of a worker, if it is another;
        `waiting` a statement that lets %(count)s tasks wait which a worker leaves alone."""
        self.about = about
        self.share = share
        self.measures = measures
        self._place = place
        self._template = str(conninfo_to_dict(template)["dbname"])
        self._program = program
        self._worker = worker or [*program, "work"]
        self._env = env or {}
        self._stored = stored
        self._unfinished = unfinished
        self._waiting = waiting

    def fresh_database(self) -> AbstractContextManager[str]:
        return postgres.private_database(self._place.server_url, self._template)

    def opened(self, database: str) -> AbstractContextManager[PostgresStore]:
        return postgres_store(database, self._stored, self._unfinished)

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        command = [*self._program, verb, function, *map(str, numbers)]
        return self._place.processes.produce(command, self._variables(database), limit=limit)

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        assert kind in {"coroutines", "one queue"}
        return self._place.processes.start(self._worker, self._variables(database), marks_in=marks)

    def add_waiting(self, conn: psycopg.Connection, count: int) -> None:
        conn.execute(self._waiting.encode(), {"count": count})

    def _variables(self, database: str) -> dict[str, str]:
        return {**self._env, **database_variables(database)}


@contextmanager
def schema(place: Place, *commands: Sequence[str], env: dict[str, str] | None = None) -> Generator[str]:
    """The URL of a database in which `commands` have made a contender's tables."""
    with postgres.private_database(place.server_url) as template:
        for command in commands:
            place.processes.run(
                command, {**(env or {}), **database_variables(template)}, limit=SCHEMA_SECONDS
            )
        yield template


def database_variables(database: str) -> dict[str, str]:
    """Both ways to name a database that programs know."""
    return {"DATABASE_URL": database, **libpq_variables(database)}
