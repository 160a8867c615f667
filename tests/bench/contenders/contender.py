"""What a task queue must be able to do to be measured."""

import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import psycopg

from tests.bench.contenders import marks
from tests.bench.run.processes import Child, child, environment


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader has to know to judge a contender's figures."""

    name: str
    versions: dict[str, str]
    settings: str
    durability: str
    """What a crash of the machine costs, and of a worker."""
    history: str
    """What is kept of a task that ended."""
    brief: str
    """Both in a few words, to stand beside each figure."""
    source: str = ""
    """The page of its documentation that the settings are from."""


class Produced(msgspec.Struct, frozen=True):
    """What a producer did. `seconds` is the time of its calls alone, without its own start."""

    tasks: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.tasks / self.seconds


class Store(Protocol):
    """What a contender keeps its tasks in, opened to be looked at."""

    def checkpoint(self) -> None:
        """Writes out what was put off, so that no one else pays for it."""
        ...

    def vacuum(self) -> None:
        """Does what the store does by itself after a large enqueue, at a time that is the same for all."""
        ...

    def wal_bytes(self) -> float:
        """The bytes of write-ahead log so far; 0 where there is no such log."""
        ...

    def stored(self) -> int:
        """How many tasks were taken in, while none has run yet."""
        ...

    def is_drained(self, tasks: int, *, failed: bool = False) -> bool:
        """Whether all `tasks` tasks have ended well; with `failed`, whether all have failed for good."""
        ...


class Contender(Protocol):
    """A task queue. A database it is asked about is one that came from its `fresh_database`."""

    about: About
    share: float
    """How many tasks it gets, as a share of the plan's: slow ones get fewer."""
    measures: frozenset[str]
    """The measurements that it takes part in: some of `drain`, `latency`, `single`, `backlog` and `snapshot`."""

    def fresh_database(self) -> AbstractContextManager[str]:
        """The URL of a private database with its schema and no tasks."""
        ...

    def opened(self, database: str) -> AbstractContextManager[Store]:
        """That database, for questions."""
        ...

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        """Runs its producer to the end, at most `limit` seconds."""
        ...

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        """A worker process whose functions leave their marks in the directory `marks`."""
        ...

    def add_waiting(self, conn: psycopg.Connection, count: int) -> None:
        """Lets `count` tasks wait that a worker of the kind `one queue` leaves alone; only asked for `backlog`."""
        ...


@runtime_checkable
class TakesHttp(Contender, Protocol):
    """One that takes in tasks over HTTP, as lapinq does."""

    def http_server(self, database: str) -> AbstractContextManager[int]:
        """The port of a server without a worker in it."""
        ...


class Processes:
    """Starts a contender's processes, each with a log of its own in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)

    def start(
        self, command: Sequence[str], env: Mapping[str, str], *, marks_in: Path | None = None
    ) -> AbstractContextManager[Child]:
        """`command` with `env` on top of a clean environment."""
        more = {marks.VARIABLE: str(marks_in)} if marks_in else {}
        log = self.directory / f"{next(self._numbers)}.log"
        return child(command, environment(**env, **more), log)

    def run(self, command: Sequence[str], env: Mapping[str, str], *, limit: float) -> str:
        """Runs it to the end and answers its output. Raises `BenchError`."""
        with self.start(command, env) as process:
            process.wait(limit)
            return process.output

    def produce(self, command: Sequence[str], env: Mapping[str, str], *, limit: float) -> Produced:
        """The same for a producer."""
        return Produced(**json.loads(self.run(command, env, limit=limit).splitlines()[-1]))


class Place(msgspec.Struct, frozen=True):
    """Where contenders are set up."""

    server_url: str
    processes: Processes
    redis_fsync: str
