"""A queue on Redis: programs in an environment of its own, and questions about its keys."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from tests.bench.contenders.contender import About, Place, Produced
from tests.bench.contenders.redis_server import redis_server
from tests.bench.run.processes import Child

DURABILITY = {
    "everysec": "a crash of the machine loses up to a second",
    "always": "each write is on disk",
}
BRIEF = {"everysec": "a second at risk, nothing kept", "always": "durable, nothing kept"}

Ask = Callable[[str], int]
"""A number about the Redis at a URL."""


class RedisStore:
    """`stored` and `unfinished` tell how many tasks there are, and how many have not ended."""

    def __init__(self, url: str, stored: Ask, unfinished: Ask) -> None:
        self._url = url
        self._stored = stored
        self._unfinished = unfinished

    def checkpoint(self) -> None:
        pass

    def vacuum(self) -> None:
        pass

    def wal_bytes(self) -> float:
        return 0.0

    def stored(self) -> int:
        return self._stored(self._url)

    def is_drained(self, tasks: int, *, failed: bool = False) -> bool:
        del tasks
        assert not failed
        return self._unfinished(self._url) == 0


class RedisPeer:
    """Its `producer` takes a verb, a function and numbers; REDIS_URL names the server."""

    def __init__(
        self,
        about: About,
        *,
        place: Place,
        producer: Sequence[str],
        worker: Sequence[str],
        env: dict[str, str] | None = None,
        stored: Ask,
        unfinished: Ask,
        share: float,
    ) -> None:
        self.about = about
        self.share = share
        self.measures = frozenset({"drain", "latency", "single"})
        self._place = place
        self._producer = producer
        self._worker = worker
        self._env = env or {}
        self._stored = stored
        self._unfinished = unfinished

    def fresh_database(self) -> AbstractContextManager[str]:
        return redis_server(self._place.processes, self._place.redis_fsync)

    @contextmanager
    def opened(self, database: str) -> Generator[RedisStore]:
        yield RedisStore(database, self._stored, self._unfinished)

    def produce(self, database: str, verb: str, function: str, *numbers: float, limit: float) -> Produced:
        command = [*self._producer, verb, function, *map(str, numbers)]
        return self._place.processes.produce(command, {"REDIS_URL": database}, limit=limit)

    def worker(self, database: str, kind: str, marks: Path) -> AbstractContextManager[Child]:
        assert kind == "coroutines"
        return self._place.processes.start(self._worker, {"REDIS_URL": database, **self._env}, marks_in=marks)

    def add_waiting(self, conn: psycopg.Connection, count: int) -> None:
        raise NotImplementedError
