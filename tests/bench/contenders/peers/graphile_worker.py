"""graphile-worker, with the settings that its page on performance gives for its best figures, and with a local queue
four times that long.

https://worker.graphile.org/docs/performance: 24 jobs at once, 25 connections, a local queue of 500, jobs ended in
batches. No line is logged per job (NO_LOG_SUCCESS), as its own performance test has it.
"""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import node_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema
from tests.bench.run.processes import ROOT

PACKAGES = {"graphile-worker": "0.18.0", "pg": "8.23.1"}
LOCAL_QUEUES = (500, 2000)
EVERYTHING = frozenset({"drain", "latency", "single", "backlog", "snapshot"})

# Jobs of a task that the worker doesn't have. All share one order, so they wait behind, with a lower priority: before
# the others, each fetch would walk them all. Their ids are below zero, to tell them from those that are measured.
_WAITING = """
WITH task AS (
    INSERT INTO graphile_worker._private_tasks (identifier) VALUES ('waiting')
    ON CONFLICT (identifier) DO UPDATE SET identifier = EXCLUDED.identifier RETURNING id
)
INSERT INTO graphile_worker._private_jobs (id, task_id, priority) OVERRIDING SYSTEM VALUE
SELECT -number, task.id, 1 FROM task, generate_series(1, %(count)s) AS number
"""


@contextmanager
def contenders(place: Place) -> Generator[list[PostgresPeer]]:
    """One for each length of the local queue; what doesn't depend on it is measured of the first."""
    environment = node_environment("graphile-worker", PACKAGES, place.processes)
    program = [
        environment.program("node"),
        str(ROOT / "tests/bench/contenders/programs/graphile_worker.mjs"),
    ]
    env = {"LAPINQ_BENCH_PACKAGES": str(environment.directory), "NO_LOG_SUCCESS": "1"}
    with schema(place, [*program, "migrate"], env=env) as template:
        yield [
            PostgresPeer(
                About(
                    name=f"graphile-worker {size}",
                    versions=environment.versions,
                    settings=f"24 jobs at once, local queue of {size:,}, batched completion without delay",
                    durability=f"{DURABLE}; jobs of a dead worker wait four hours",
                    history="none: finished jobs are deleted",
                    brief="durable, nothing kept",
                    source="https://worker.graphile.org/docs/performance",
                ),
                place=place,
                template=template,
                program=program,
                worker=[*program, "work", str(size)],
                env=env,
                stored="SELECT count(*) FROM graphile_worker._private_jobs",
                unfinished="SELECT count(*) FROM graphile_worker._private_jobs WHERE id > 0",
                waiting=_WAITING,
                share=1.0,
                measures=frozenset(
                    {"drain", "latency", "single", "backlog", "snapshot"}
                    if size == LOCAL_QUEUES[0]
                    else {"drain"}
                ),
            )
            for size in LOCAL_QUEUES
        ]
