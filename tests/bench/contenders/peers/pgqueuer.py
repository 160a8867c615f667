"""PgQueuer, set up as its documentation recommends for speed.

https://github.com/janbjorge/pgqueuer/blob/main/docs/guides/performance-tuning.md: large batches for short jobs, one
connection for the worker, `pgq autovac`, and no limits of concurrency. `durable`, its default.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import python_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema

REQUIREMENTS = ("pgqueuer==1.6.0", "asyncpg==0.32.0", "uvloop==0.23.0")
BATCH = 500


@contextmanager
def contenders(place: Place) -> Generator[list[PostgresPeer]]:
    """The one."""
    environment = python_environment("pgqueuer", REQUIREMENTS, place.processes)
    pgq = environment.program("pgq")
    program = [environment.program("python"), "-m", "tests.bench.contenders.programs.pgqueuer_program"]
    with schema(place, [pgq, "install"], [pgq, "autovac"]) as template:
        yield [
            PostgresPeer(
                About(
                    name="PgQueuer",
                    versions=environment.versions,
                    settings=f"batches of {BATCH}, one connection, autovac settings",
                    durability=f"{DURABLE}; jobs of a dead worker run again after its heartbeat's timeout",
                    history="a log of what happened; the job and its payload are deleted",
                    brief="durable, log kept",
                    source="https://github.com/janbjorge/pgqueuer/blob/main/docs/guides/performance-tuning.md",
                ),
                place=place,
                template=template,
                program=program,
                worker=[*program, "work", str(BATCH)],
                stored="SELECT count(*) FROM pgqueuer",
                unfinished="SELECT count(*) FROM pgqueuer",
                share=0.4,
            )
        ]
