"""pg-boss, woken by LISTEN/NOTIFY, with full batches fetched one after the other.

https://timgit.github.io/pg-boss/#/./api/workers: `batchSize`, `localConcurrency`, `burstWhenBatchFull`, and
`useListenNotify` with `notify` queues for low latency.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import node_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema
from tests.bench.run.processes import ROOT

PACKAGES = {"pg-boss": "12.38.0"}
BATCH = 2000
LOCAL_CONCURRENCY = 2


@contextmanager
def contenders(place: Place) -> Generator[list[PostgresPeer]]:
    """The one."""
    environment = node_environment("pg-boss", PACKAGES, place.processes)
    program = [environment.program("node"), str(ROOT / "tests/bench/contenders/programs/pg_boss.mjs")]
    env = {"LAPINQ_BENCH_PACKAGES": str(environment.directory)}
    with schema(place, [*program, "migrate"], env=env) as template:
        yield [
            PostgresPeer(
                About(
                    name="pg-boss",
                    versions=environment.versions,
                    settings=f"batches of {BATCH:,} that end together, {LOCAL_CONCURRENCY} at once, burst, notify",
                    durability=f"{DURABLE}; jobs of a dead worker run again after 15 minutes",
                    history="finished jobs are kept for a week",
                    brief="durable, jobs kept",
                    source="https://timgit.github.io/pg-boss/#/./api/workers",
                ),
                place=place,
                template=template,
                program=program,
                worker=[*program, "work", str(BATCH), str(LOCAL_CONCURRENCY)],
                env=env,
                stored="SELECT count(*) FROM pgboss.job",
                unfinished="SELECT count(*) FROM pgboss.job WHERE state <> 'completed'",
                share=0.5,
            )
        ]
