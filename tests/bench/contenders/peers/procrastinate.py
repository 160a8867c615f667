"""procrastinate, with many jobs at once and a pool of as many connections.

https://procrastinate.readthedocs.io/en/stable/howto/production/concurrency.html and, for the pool of short jobs,
https://procrastinate.readthedocs.io/en/stable/discussions.html#mind-the-size-of-your-postgresql-pool.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema

REQUIREMENTS = ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9", "uvloop==0.23.0")
CONCURRENCY = 10


@contextmanager
def contenders(place: Place) -> Generator[list[PostgresPeer]]:
    """The one."""
    environment = python_environment("procrastinate", REQUIREMENTS, place.processes)
    program = [environment.program("python"), "-m", "tests.bench.contenders.programs.procrastinate_program"]
    with schema(place, [*program, "migrate"]) as template:
        yield [
            PostgresPeer(
                About(
                    name="procrastinate",
                    versions=environment.versions,
                    settings=f"{CONCURRENCY} jobs at once and {CONCURRENCY + 1} connections",
                    durability=f"{DURABLE}; jobs of a dead worker are found by a task of the user's",
                    history="finished jobs and their events are kept",
                    brief="durable, jobs kept",
                    source="https://procrastinate.readthedocs.io/en/stable/howto/production/concurrency.html",
                ),
                place=place,
                template=template,
                program=program,
                worker=[*program, "work", str(CONCURRENCY)],
                stored="SELECT count(*) FROM procrastinate_jobs",
                unfinished="SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded'",
                share=0.03,
            )
        ]
