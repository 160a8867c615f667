"""What a measured task queue is: facts, the commands of its programs, and questions about its tasks."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import psycopg

from tests.bench.run.processes import Child, Processes

PROGRAMS = ("drain", "latency", "single")
"""What one takes part in that has a producer and a worker."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader has to know to judge a contender's figures.

    `durability` says what a crash of the machine costs, and of a worker; `history` what is kept of a task that ended;
    `brief` both in a few words, to stand beside each figure. The settings are from the page `source`.
    """

    name: str
    versions: dict[str, str]
    settings: str
    durability: str
    history: str
    brief: str
    source: str = ""


class Produced(msgspec.Struct, frozen=True):
    """What a producer did. `seconds` is the time of its calls alone, without its own start."""

    tasks: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.tasks / self.seconds


class Store(msgspec.Struct, frozen=True):
    """What a contender keeps its tasks in, opened to be looked at."""

    stored: Callable[[], float]
    """How many tasks were taken in, while none has run yet."""
    is_drained: Callable[[int, bool], bool]
    """Whether so many tasks have all ended: well or, if the second is true, by failing for good."""
    conn: psycopg.Connection | None = None
    """To a PostgreSQL. Elsewhere there is no log to measure, and nothing to prepare."""

    def prepare(self, command: str) -> None:
        """CHECKPOINT, or VACUUM: what is put off, done when nobody pays for it."""
        if self.conn:
            self.conn.execute(command.encode())

    def wal_bytes(self) -> float:
        """The bytes of write-ahead log so far."""
        return number(self.conn, WAL_BYTES) if self.conn else 0


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A task queue. A database it is asked about is one that came from its `fresh_database`."""

    about: About
    processes: Processes
    fresh_database: Callable[[], AbstractContextManager[str]]
    """The URL of a private database with its schema and no tasks."""
    opened: Callable[[str], AbstractContextManager[Store]]
    environment: Callable[[str], dict[str, str]]
    """What tells its programs that database; its producer also the URL of its `http_server`."""
    producer: Sequence[str] = ()
    """A command that takes a verb, a function and numbers."""
    workers: dict[str, list[str]] = {}
    """The command of each kind of worker."""
    http_server: Callable[[str], AbstractContextManager[int]] | None = None
    """The port of a server without a worker in it; lapinq's alone."""
    add_waiting: Callable[[psycopg.Connection, int], None] | None = None
    """Lets so many tasks wait that a worker of the kind `one queue` leaves alone; for `backlog`."""
    share: float = 1.0
    """How many tasks it gets, as a share of the plan's: slow ones get fewer."""
    measures: Sequence[str] = PROGRAMS
    """The measurements that it takes part in: some of `PROGRAMS`, `mix`, `backlog` and `snapshot`."""

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        """Runs its producer to the end, at most `limit` seconds."""
        command = [*self.producer, verb, function, *map(str, numbers)]
        said = self.processes.run(command, self.environment(database), limit=limit)
        return Produced(**json.loads(said.splitlines()[-1]))

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        """A worker process whose functions leave their marks in the directory `marks`."""
        return self.processes.start(self.workers[kind], self.environment(database), marks_in=marks)


WAL_BYTES = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8"


def number(conn: psycopg.Connection, query: str, *values: object) -> float:
    """The one number that `query` returns; 0 for NULL."""
    row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0] or 0
