"""What a task queue must be able to do to be measured."""

import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec
import psycopg

from tests.bench.contenders import marks
from tests.bench.run.processes import Child, child, environment


class Produced(msgspec.Struct, frozen=True):
    """What a producer did. `seconds` is the time of its calls alone, without its own start."""

    tasks: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.tasks / self.seconds


class Contender(Protocol):
    """A task queue. A database it is asked about is one that came from its `fresh_database`."""

    name: str

    def fresh_database(self) -> AbstractContextManager[str]:
        """The conninfo of a private database with its schema and no tasks."""
        ...

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        """Runs its producer to the end, at most `limit` seconds."""
        ...

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        """A worker process whose functions leave their marks in the directory `marks`."""
        ...

    def stored(self, conn: psycopg.Connection) -> int:
        """How many tasks were taken in."""
        ...

    def is_drained(self, conn: psycopg.Connection, tasks: int) -> bool:
        """Whether all `tasks` tasks ended well, by a question that costs next to nothing while they didn't."""
        ...

    def finished_before(self, conn: psycopg.Connection, moment: float) -> int:
        """How many tasks had ended at `moment`, in seconds since 1970, by what it keeps of them."""
        ...

    def last_finish(self, conn: psycopg.Connection) -> float:
        """When the last task ended, likewise."""
        ...


class Processes:
    """Starts a contender's processes, each with a log of its own in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)

    def start(
        self, command: Sequence[str], env: Mapping[str, str], *, marks_in: Path | None = None
    ) -> AbstractContextManager[Child]:
        """`command` with `env` on top of a clean environment."""
        more = {marks.VARIABLE: str(marks_in)} if marks_in else {}
        log = self._directory / f"{next(self._numbers)}.log"
        return child(command, environment(**env, **more), log)

    def run(self, command: Sequence[str], env: Mapping[str, str], *, limit: float) -> str:
        """Runs it to the end and answers its output. Raises `BenchError`."""
        with self.start(command, env) as process:
            process.wait(limit)
            return process.output

    def produce(self, command: Sequence[str], env: Mapping[str, str], *, limit: float) -> Produced:
        """The same for a producer."""
        return Produced(**json.loads(self.run(command, env, limit=limit).splitlines()[-1]))


def number(conn: psycopg.Connection, query: str, *values: object) -> float:
    """The one number that `query` answers; 0 for NULL."""
    row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0] or 0
