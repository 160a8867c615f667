"""The other queues: a row each, with the settings that its documentation recommends for speed."""

from collections.abc import Sequence

import click

from tests.bench.contenders.contender import PROGRAMS
from tests.bench.contenders.peer import PACKAGE, Peer, ask
from tests.bench.run.processes import BenchError


def _lag(url: str) -> int:
    """How many messages no worker of taskiq has fetched."""
    words = ask(url, "XINFO", "GROUPS", "taskiq").split()
    try:
        return int(words[words.index("lag") + 1])
    except (ValueError, IndexError):
        raise BenchError(f"Redis says of the stream only: {' '.join(words)}") from None


def _graphile_worker(size: int, measures: Sequence[str]) -> Peer:
    """24 jobs at once on 25 connections, with a local queue of `size`; no line per job, as in its performance test."""
    return Peer(
        key="graphile-worker",
        name=f"graphile-worker {size}",
        packages="graphile-worker@0.18.0 pg@8.23.1",
        program="graphile_worker.mjs",
        settings=f"24 jobs at once, local queue of {size:,}, batched completion without delay",
        durability="jobs of a dead worker wait four hours",
        history="none: finished jobs are deleted",
        source="https://worker.graphile.org/docs/performance",
        worker=f"PROGRAM work {size}",
        env={"NO_LOG_SUCCESS": "1"},
        stored="SELECT count(*) FROM graphile_worker._private_jobs",
        unfinished="SELECT count(*) FROM graphile_worker._private_jobs WHERE id > 0",
        # Jobs of a task that the worker doesn't have. All share one order, so they wait behind, with a lower priority:
        # before the others, each fetch would walk them all. Their ids are below zero, to tell them from the measured.
        waiting="WITH task AS (INSERT INTO graphile_worker._private_tasks (identifier) VALUES ('waiting')"
        " ON CONFLICT (identifier) DO UPDATE SET identifier = EXCLUDED.identifier RETURNING id)"
        " INSERT INTO graphile_worker._private_jobs (id, task_id, priority) OVERRIDING SYSTEM VALUE"
        " SELECT -number, task.id, 1 FROM task, generate_series(1, %(count)s) AS number",
        share=1.0,
        measures=measures,
    )


PEERS = (
    # What doesn't depend on the length of the local queue is measured once.
    _graphile_worker(500, [*PROGRAMS, "mix", "backlog", "snapshot"]),
    _graphile_worker(2000, ["drain"]),
    # Full batches, fetched one after the other; woken by LISTEN/NOTIFY.
    Peer(
        key="pg-boss",
        name="pg-boss",
        packages="pg-boss@12.38.0",
        program="pg_boss.mjs",
        settings="batches of 2,000 that end together, 2 at once, burst, notify",
        durability="jobs of a dead worker run again after 15 minutes",
        history="finished jobs are kept for a week",
        brief="jobs kept",
        source="https://timgit.github.io/pg-boss/#/./api/workers",
        worker="PROGRAM work 2000 2",
        stored="SELECT count(*) FROM pgboss.job",
        unfinished="SELECT count(*) FROM pgboss.job WHERE state <> 'completed'",
        share=0.5,
        measures=[*PROGRAMS, "mix"],
    ),
    # Large batches for short jobs, one connection, no limits of concurrency; `durable`, its default.
    Peer(
        key="pgqueuer",
        name="PgQueuer",
        packages="pgqueuer==1.6.0 asyncpg==0.32.0 uvloop==0.23.0",
        program="pgqueuer_program",
        settings="batches of 500, one connection, autovac settings",
        durability="jobs of a dead worker run again after its heartbeat's timeout",
        history="a log of what happened; the job and its payload are deleted",
        brief="log kept",
        source="https://github.com/janbjorge/pgqueuer/blob/main/docs/guides/performance-tuning.md",
        schema=["pgq install", "pgq autovac"],
        worker="PROGRAM work 500",
        stored="SELECT count(*) FROM pgqueuer",
        share=0.4,
    ),
    # For the pool of short jobs: …/stable/discussions.html#mind-the-size-of-your-postgresql-pool
    Peer(
        key="procrastinate",
        name="procrastinate",
        packages="procrastinate==3.10.0 psycopg[binary,pool]==3.3.9 uvloop==0.23.0",
        program="procrastinate_program",
        settings="10 jobs at once and 11 connections",
        durability="jobs of a dead worker are found by a task of the user's",
        history="finished jobs and their events are kept",
        brief="jobs kept",
        source="https://procrastinate.readthedocs.io/en/stable/howto/production/concurrency.html",
        worker="PROGRAM work 10",
        stored="SELECT count(*) FROM procrastinate_jobs",
        unfinished="SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded'",
        share=0.03,
        measures=[*PROGRAMS, "mix"],
    ),
    # Many workers, because a job that does nothing holds its place until its end is stored; one stripe, the default.
    Peer(
        key="awa",
        name="awa",
        packages="awa-pg==0.6.9 uvloop==0.23.0",
        program="awa_program",
        settings="1,024 jobs at once, batches of 512, enqueued by COPY",
        durability="jobs of a dead worker run again after its lease",
        history="finished jobs are kept for a day",
        brief="jobs kept",
        source="https://github.com/hardbyte/awa/blob/main/docs/benchmarking.md",
        worker="PROGRAM work 1024",
        stored="SELECT count(*) FROM awa.jobs",
        unfinished="SELECT count(*) FROM awa.jobs WHERE state <> 'completed'",
        share=0.2,
    ),
    # The broker that acknowledges, and so loses nothing with a worker; as many are fetched as run.
    Peer(
        key="taskiq",
        name="taskiq",
        packages="taskiq==0.13.0 taskiq-redis==1.2.4 redis==8.1.0 hiredis==3.5.0 uvloop==0.23.0 orjson==3.13.0",
        program="taskiq_program",
        is_on_redis=True,
        settings="Redis streams, 100 tasks at once",
        durability="tasks of a dead worker run again after ten minutes",
        history="none: no result backend",
        source="https://github.com/taskiq-python/taskiq-redis#stream",
        worker=f"taskiq worker {PACKAGE}.taskiq_program:broker --workers=1 --max-async-tasks=100"
        " --max-prefetch=100 --log-level=WARNING",
        stored=lambda url: int(ask(url, "XLEN", "taskiq")),
        unfinished=lambda url: _lag(url) + int(ask(url, "XPENDING", "taskiq", "taskiq").split()[0]),
        share=0.05,
    ),
    # Its default pool, prefork; results ignored.
    Peer(
        key="celery",
        name="Celery",
        packages="celery==5.7.0 redis==8.1.0 hiredis==3.5.0 packaging==26.3",
        program="celery_program",
        is_on_redis=True,
        settings="Redis, one prefork child a process, prefetch of 128",
        durability="tasks that a dead worker had begun are lost",
        history="none: results are ignored",
        source="https://docs.celeryq.dev/en/stable/userguide/optimizing.html",
        worker=f"celery --app={PACKAGE}.celery_program worker --pool=prefork --concurrency=1 --without-gossip"
        " --without-mingle --without-heartbeat --loglevel=WARNING",
        stored=lambda url: int(ask(url, "LLEN", "celery")),
        unfinished=lambda url: int(ask(url, "LLEN", "celery")) + int(ask(url, "HLEN", "unacked")),
        share=0.03,
    ),
    # Eight threads, its default.
    Peer(
        key="dramatiq",
        name="dramatiq",
        packages="dramatiq==2.2.1 redis==8.1.0 hiredis==3.5.0",
        program="dramatiq_program",
        is_on_redis=True,
        settings="Redis, 8 threads a process, prefetch of 1,000",
        durability="messages of a dead worker run again after a minute",
        history="none: finished messages are deleted",
        source="https://dramatiq.io/reference.html#environment-variables",
        worker=f"dramatiq {PACKAGE}.dramatiq_program --processes=1 --threads=8 --skip-logging",
        env={"dramatiq_queue_prefetch": "1000"},
        stored=lambda url: int(ask(url, "HLEN", "dramatiq:default.msgs")),
        share=0.1,
    ),
    # The release whose HTTP interface lapinq still speaks. Only its server is measured, which makes its own tables.
    Peer(
        key="lapinq-1.3.0",
        name="lapinq 1.3.0",
        packages="lapinq==1.3.0 uvloop==0.23.0 httptools==0.9.0",
        settings="one server process, no line per request",
        durability="",
        history="every task is kept",
        brief="tasks kept",
        source="https://pypi.org/project/lapinq/1.3.0/",
        schema=[],
        worker="lapinq server --host 127.0.0.1 --log-level warning",
        stored="SELECT count(*) FROM lapinq_tasks",
        share=1.0,
        measures=[],
    ),
)
KEYS = list(dict.fromkeys(peer.key for peer in PEERS))


def chosen(names: str | None) -> list[Peer]:
    """Of a comma list of keys, or `all`, in the order given. Raises `click.UsageError`."""
    given = KEYS if names == "all" else names.split(",") if names else []
    if unknown := set(given) - set(KEYS):
        raise click.UsageError(f"--with knows all, {', '.join(KEYS)}, not {', '.join(sorted(unknown))}")
    return [peer for key in given for peer in PEERS if peer.key == key]
