"""awa, whose engine is written in Rust, with handlers in Python.

https://github.com/hardbyte/awa/blob/main/docs/benchmarking.md: many workers, because a job that does nothing holds its
place until its end is stored, and batches of 512; one stripe for the queue, the default.
https://github.com/hardbyte/awa/blob/main/awa-python/README.md: `enqueue_many_copy` for high volume.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema

REQUIREMENTS = ("awa-pg==0.6.9", "uvloop==0.23.0")
WORKERS = 1024


@contextmanager
def contenders(place: Place) -> Generator[list[PostgresPeer]]:
    """The one."""
    environment = python_environment("awa", REQUIREMENTS, place.processes)
    program = [environment.program("python"), "-m", "tests.bench.contenders.programs.awa_program"]
    with schema(place, [*program, "migrate"]) as template:
        yield [
            PostgresPeer(
                About(
                    name="awa",
                    versions=environment.versions,
                    settings=f"{WORKERS:,} jobs at once, batches of 512, enqueued by COPY",
                    durability=f"{DURABLE}; jobs of a dead worker run again after its lease",
                    history="finished jobs are kept for a day",
                    brief="durable, jobs kept",
                    source="https://github.com/hardbyte/awa/blob/main/docs/benchmarking.md",
                ),
                place=place,
                template=template,
                program=program,
                worker=[*program, "work", str(WORKERS)],
                stored="SELECT count(*) FROM awa.jobs",
                unfinished="SELECT count(*) FROM awa.jobs WHERE state <> 'completed'",
                share=0.2,
            )
        ]
