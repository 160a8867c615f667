"""dramatiq on Redis: one process with eight threads, its default, and a long prefetch.

https://dramatiq.io/reference.html#environment-variables: `dramatiq_queue_prefetch`. Without a result backend, so no
results are kept.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.redis_peer import BRIEF, DURABILITY, RedisPeer
from tests.bench.contenders.redis_server import ask

REQUIREMENTS = ("dramatiq==2.2.1", "redis==8.1.0", "hiredis==3.5.0")
THREADS = 8
PREFETCH = 1000
MODULE = "tests.bench.contenders.programs.dramatiq_program"


@contextmanager
def contenders(place: Place) -> Generator[list[RedisPeer]]:
    """The one."""
    environment = python_environment("dramatiq", REQUIREMENTS, place.processes)
    yield [
        RedisPeer(
            About(
                name="dramatiq",
                versions=environment.versions,
                settings=f"Redis, {THREADS} threads a process, prefetch of {PREFETCH:,}",
                durability=f"{DURABILITY[place.redis_fsync]}; messages of a dead worker run again after a minute",
                history="none: finished messages are deleted",
                brief=BRIEF[place.redis_fsync],
                source="https://dramatiq.io/reference.html#environment-variables",
            ),
            place=place,
            producer=[environment.program("python"), "-m", MODULE],
            worker=[
                environment.program("dramatiq"),
                MODULE,
                "--processes=1",
                f"--threads={THREADS}",
                "--skip-logging",
            ],
            env={"dramatiq_queue_prefetch": str(PREFETCH)},
            stored=lambda url: int(ask(url, "HLEN", "dramatiq:default.msgs")),
            unfinished=lambda url: int(ask(url, "HLEN", "dramatiq:default.msgs")),
            share=0.1,
        )
    ]
