"""taskiq on Redis streams, the broker of taskiq-redis that acknowledges and so loses nothing with a worker.

https://github.com/taskiq-python/taskiq-redis#stream; one worker process with uvloop, 100 tasks at once, which are also
fetched 100 at a time. Without a result backend, so no results are kept.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.redis_peer import BRIEF, DURABILITY, RedisPeer
from tests.bench.contenders.redis_server import ask
from tests.bench.run.processes import BenchError

REQUIREMENTS = (
    "taskiq==0.13.0",
    "taskiq-redis==1.2.4",
    "redis==8.1.0",
    "hiredis==3.5.0",
    "uvloop==0.23.0",
    "orjson==3.13.0",
)
CONCURRENCY = 100
MODULE = "tests.bench.contenders.programs.taskiq_program"


@contextmanager
def contenders(place: Place) -> Generator[list[RedisPeer]]:
    """The one."""
    environment = python_environment("taskiq", REQUIREMENTS, place.processes)
    yield [
        RedisPeer(
            About(
                name="taskiq",
                versions=environment.versions,
                settings=f"Redis streams, {CONCURRENCY} tasks at once",
                durability=f"{DURABILITY[place.redis_fsync]}; tasks of a dead worker run again after ten minutes",
                history="none: no result backend",
                brief=BRIEF[place.redis_fsync],
                source="https://github.com/taskiq-python/taskiq-redis#stream",
            ),
            place=place,
            producer=[environment.program("python"), "-m", MODULE],
            worker=[
                environment.program("taskiq"),
                "worker",
                f"{MODULE}:broker",
                "--workers=1",
                f"--max-async-tasks={CONCURRENCY}",
                f"--max-prefetch={CONCURRENCY}",
                "--log-level=WARNING",
            ],
            stored=lambda url: int(ask(url, "XLEN", "taskiq")),
            unfinished=lambda url: _lag(url) + int(ask(url, "XPENDING", "taskiq", "taskiq").split()[0]),
            share=0.05,
        )
    ]


def _lag(url: str) -> int:
    """How many messages no worker has fetched."""
    words = ask(url, "XINFO", "GROUPS", "taskiq").split()
    try:
        return int(words[words.index("lag") + 1])
    except (ValueError, IndexError):
        raise BenchError(f"Redis says of the stream only: {' '.join(words)}") from None
