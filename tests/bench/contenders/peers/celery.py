"""Celery on Redis, tuned for many short tasks.

https://docs.celeryq.dev/en/stable/userguide/optimizing.html: a high prefetch multiplier for short tasks, results
ignored; without gossip, mingle and heartbeats. Its default pool, prefork, with one child a process.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.redis_peer import BRIEF, DURABILITY, RedisPeer
from tests.bench.contenders.redis_server import ask

REQUIREMENTS = ("celery==5.7.0", "redis==8.1.0", "hiredis==3.5.0", "packaging==26.3")
PREFETCH = 128
POOL = "prefork"
CONCURRENCY = 1
MODULE = "tests.bench.contenders.programs.celery_program"


@contextmanager
def contenders(place: Place) -> Generator[list[RedisPeer]]:
    """The one."""
    environment = python_environment("celery", REQUIREMENTS, place.processes)
    yield [
        RedisPeer(
            About(
                name="Celery",
                versions=environment.versions,
                settings=f"Redis, one prefork child a process, prefetch of {PREFETCH}",
                durability=f"{DURABILITY[place.redis_fsync]}; tasks that a dead worker had begun are lost",
                history="none: results are ignored",
                brief=BRIEF[place.redis_fsync],
                source="https://docs.celeryq.dev/en/stable/userguide/optimizing.html",
            ),
            place=place,
            producer=[environment.program("python"), "-m", MODULE],
            worker=[
                environment.program("celery"),
                f"--app={MODULE}",
                "worker",
                f"--pool={POOL}",
                f"--concurrency={CONCURRENCY}",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                "--loglevel=WARNING",
            ],
            stored=lambda url: int(ask(url, "LLEN", "celery")),
            unfinished=lambda url: int(ask(url, "LLEN", "celery")) + int(ask(url, "HLEN", "unacked")),
            share=0.03,
        )
    ]
