"""A fleet of idle and lightly used workers: what it costs, and how soon tasks start.

A program of its own, because it measures no rate: `python -m tests.bench.fleet --workers 1,10,40,100`. It starts so
many `lapinq worker` processes on a fresh durable server, lets them idle, hands in single tasks at some rates, then
lets delayed ones fall due, and prints a table of each fleet. A worker takes about 70 MB.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import LiteralString

import click
import msgspec
import psycopg

from lapinq_core.db.migrate import migrate
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import connect, make_pool
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake import enqueueing
from tests.bench.contenders import lapinq_tasks, marks
from tests.bench.run import processor_time
from tests.bench.run.figures import percentile
from tests.bench.run.processes import ROOT, BenchError, child, environment
from tests.bench.run.server import own_server
from tests.support.database import postgres
from tests.support.database.statements import statements_in

SERVER = {"max_connections": "1000", "shared_preload_libraries": "pg_stat_statements"}
START_SECONDS = 60.0
SETTLE_SECONDS = 8.0
"""For the heartbeats, five seconds apart, that tell workers their places: nothing shows when all have theirs."""
ARRIVE_SECONDS = 30.0
BATCH = 1_000
VERBS_SHOWN = 8
_UNENDED = """
SELECT count(*)
  FROM ((SELECT FROM lapinq_ready LIMIT 1) UNION ALL (SELECT FROM lapinq_running LIMIT 1)) AS unended
"""


class Sample(msgspec.Struct, frozen=True):
    """What the server, the workers and the clock show at one time."""

    at: float
    transactions: int
    calls: dict[str, int]
    database_seconds: float
    worker_seconds: float
    connections: int


class Phase(msgspec.Struct, frozen=True):
    """What happened between two samples, by the second, and how many milliseconds its tasks waited."""

    name: str
    transactions: float
    statements: dict[str, float]
    database_share: float
    worker_share: float
    connections: int
    waits: list[float]


class Fleet:
    """So many workers on one database."""

    def __init__(self, database: str, pids: Sequence[int], arrivals: Path) -> None:
        self._database = database
        self._pids = pids
        self._arrivals = arrivals
        self._seen = 0
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            row = conn.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            self._postmaster = processor_time.parent(row[0])

    def idle(self, seconds: float) -> Phase:
        before = self._sample()
        time.sleep(seconds)
        return self._phase("idle", before, 0)

    def enqueue(self, rate: float, seconds: float) -> Phase:
        """Hands in `rate` tasks a second, one at a time, as a program with a connection does."""
        count = int(rate * seconds)
        before = self._sample()
        asyncio.run(_enqueue(self._database, rate, count))
        return self._phase(f"{rate:g} tasks a second", before, count)

    def fall_due(self, rate: float, seconds: float) -> Phase:
        """Lets `rate` delayed tasks a second fall due, stored before the phase begins."""
        count = int(rate * seconds)
        first_ns = time.time_ns() + 4_000_000_000
        asyncio.run(_delay(self._database, [first_ns + int(number / rate * 1e9) for number in range(count)]))
        time.sleep(max(0.0, first_ns / 1e9 - time.time() - 0.5))
        before = self._sample()
        time.sleep(seconds + 0.5)
        return self._phase(f"{rate:g} due a second", before, count)

    def costs(self, tasks: int) -> str:
        """Hands in so many empty tasks at once and lets the workers drain them: what each costs."""
        with psycopg.connect(self._database, autocommit=True) as conn:
            conn.execute("VACUUM")
            conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('default', lapinq_now())")
            idle = self._reading(conn)
            asyncio.run(_bulk(self._database, tasks))
            stored = self._reading(conn)
            conn.execute("DELETE FROM lapinq_queues")
            give_up = time.monotonic() + tasks / 1_000
            while _one(conn, _UNENDED) != (0,):
                if time.monotonic() > give_up:
                    raise BenchError(f"{tasks} tasks are not drained")
                time.sleep(0.1)
            ended = self._reading(conn)
            conn.execute("VACUUM")
            (disk,) = _one(conn, "SELECT pg_database_size(current_database())")
        lines = ["| a task | database, µs | workers, µs | WAL, bytes |", "| --- | --- | --- | --- |"]
        for name, before, after in (("enqueue", idle, stored), ("run", stored, ended)):
            database, workers, wal = (
                (late - early) / tasks for early, late in zip(before[:3], after[:3], strict=True)
            )
            lines.append(f"| {name} | {database * 1e6:.1f} | {workers * 1e6:.1f} | {wal:.0f} |")
        return "\n".join([*lines, f"\nDisk: {(disk - idle[3]) / tasks:.0f} bytes a task that has completed."])

    def _reading(self, conn: psycopg.Connection) -> tuple[float, float, int, int]:
        """Seconds of the database, seconds of the workers, bytes of WAL, bytes on disk."""
        wal, disk = _one(
            conn, "SELECT (pg_current_wal_lsn() - '0/0')::bigint, pg_database_size(current_database())"
        )
        return self._database_seconds(), self._worker_seconds(), wal, disk

    def _database_seconds(self) -> float:
        return processor_time.family_seconds(self._postmaster)

    def _worker_seconds(self) -> float:
        return sum(processor_time.seconds(pid, reaped=True) for pid in self._pids)

    def _phase(self, name: str, before: Sample, count: int) -> Phase:
        after = self._sample()
        took = after.at - before.at
        waits = self._waits(count)
        calls = {
            verb: (number - before.calls.get(verb, 0)) / took * 60
            for verb, number in after.calls.items()
            if number > before.calls.get(verb, 0)
        }
        return Phase(
            name,
            (after.transactions - before.transactions) / took,
            calls,
            (after.database_seconds - before.database_seconds) / took,
            (after.worker_seconds - before.worker_seconds) / took,
            after.connections,
            waits,
        )

    def _waits(self, count: int) -> list[float]:
        give_up = time.monotonic() + ARRIVE_SECONDS
        while len(found := marks.waits(self._arrivals)) < self._seen + count:
            if time.monotonic() > give_up:
                raise BenchError(f"{len(found) - self._seen} of {count} tasks arrived")
            time.sleep(0.1)
        found, self._seen = found[self._seen :], len(found)
        return found

    def _sample(self) -> Sample:
        with psycopg.connect(self._database, autocommit=True) as conn:
            (transactions,) = _one(
                conn,
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
            )
            (connections,) = _one(
                conn, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lapinq-worker%'"
            )
            calls = conn.execute(
                "SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
                " WHERE d.datname = current_database()"
            ).fetchall()
        by_verb = Counter[str]()
        for query, number in calls:
            by_verb[_verb(query)] += number
        return Sample(
            time.monotonic(),
            transactions,
            dict(by_verb),
            self._database_seconds(),
            self._worker_seconds(),
            connections,
        )


@click.command()
@click.option(
    "--workers", default="1,10,40", help="Sizes of the fleets, separated by commas.", show_default=True
)
@click.option("--rates", default="20,100", help="Tasks enqueued a second.", show_default=True)
@click.option(
    "--due", default=200.0, help="Delayed tasks that fall due a second; 0: none.", show_default=True
)
@click.option("--seconds", default=15.0, help="Of each phase.", show_default=True)
@click.option("--drain", default=0, help="Empty tasks to drain at the end, for what each costs; 0: none.")
@click.option(
    "--pg-bin", type=click.Path(path_type=Path), help="Directory of the PostgreSQL programs to start."
)
def main(workers: str, rates: str, due: float, seconds: float, drain: int, pg_bin: Path | None) -> None:
    """Measures what fleets of workers cost, and how soon tasks start in them."""
    with own_server(pg_bin, SERVER) as url:
        for size in map(int, workers.split(",")):
            with _fleet(url, size) as fleet:
                phases = [fleet.idle(seconds)]
                phases += [fleet.enqueue(float(rate), seconds) for rate in rates.split(",") if rate]
                if due:
                    phases.append(fleet.fall_due(due, seconds))
                costs = fleet.costs(drain) if drain else ""
            click.echo(_table(size, phases))
            click.echo(costs)


@contextmanager
def _fleet(url: str, size: int) -> Generator[Fleet]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lapinq-fleet-")))
        database = stack.enter_context(postgres.private_database(url))
        migrate(database)
        (directory / "marks").mkdir()
        env = environment(DATABASE_URL=database, **{marks.VARIABLE: str(directory / "marks")})
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log"]
        children = [
            stack.enter_context(child(command, env, directory / f"{number}.log")) for number in range(size)
        ]
        with psycopg.connect(database, autocommit=True) as conn:
            give_up = time.monotonic() + START_SECONDS
            while _one(conn, "SELECT count(*) FROM lapinq_workers") != (size,):
                for one in children:
                    one.check_alive()
                if time.monotonic() > give_up:
                    raise BenchError(f"not {size} workers after {START_SECONDS:.0f} s")
                time.sleep(0.2)
        fleet = Fleet(database, [one.pid for one in children], directory / "marks")
        fleet.enqueue(20 + size, 2.0)  # connections get opened, modules imported
        time.sleep(SETTLE_SECONDS)
        yield fleet


async def _enqueue(database: str, rate: float, count: int) -> None:
    async with (
        make_pool(database, "bench notify", 1, timeout=5) as pool,
        await connect(database, "bench") as conn,
    ):
        notifier = Notifier(pool)
        notifying = asyncio.create_task(notifier.run())
        started = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            notifier.wake(await enqueueing.enqueue(conn, [_task(time.time_ns(), None)]))
        await notifier.flush()
        notifying.cancel()
        await asyncio.wait([notifying])


async def _bulk(database: str, tasks: int) -> None:
    async with await connect(database, "bench") as conn:
        for done in range(0, tasks, BATCH):
            ids = new_ids(min(BATCH, tasks - done))
            await enqueueing.enqueue(
                conn, [NewTask(id=one, task_name="nothing", module_path=lapinq_tasks.__name__) for one in ids]
            )


async def _delay(database: str, due_ns: Sequence[int]) -> None:
    async with await connect(database, "bench") as conn:
        await enqueueing.enqueue(
            conn,
            [
                _task(one, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=one // 1000 + 1))
                for one in due_ns
            ],
        )


def _task(sent_ns: int, due: datetime | None) -> NewTask:
    return NewTask(
        id=new_ids(1)[0],
        task_name="arrive",
        module_path=lapinq_tasks.__name__,
        args=[sent_ns],
        scheduled_at=due,
    )


def _table(size: int, phases: Sequence[Phase]) -> str:
    lines = [
        f"\n{size} workers",
        "",
        "| phase | transactions/s | database, % of a core | workers, % of a core | connections | p50, ms | p99, ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for phase in phases:
        waits = [f"{percentile(phase.waits, share):.1f}" if phase.waits else "" for share in (0.5, 0.99)]
        lines.append(
            f"| {phase.name} | {phase.transactions:,.0f} | {phase.database_share * 100:.1f}"
            f" | {phase.worker_share * 100:.1f} | {phase.connections} | {waits[0]} | {waits[1]} |"
        )
    for phase in phases:
        most = sorted(phase.statements.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{verb} {number:,.0f}" for verb, number in most[:VERBS_SHOWN])
        total = sum(phase.statements.values())
        lines.append(f"\n{phase.name}: {total:,.0f} statements a minute: {shown}")
    return "\n".join(lines)


def _one(conn: psycopg.Connection, query: LiteralString) -> tuple[int, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row


def _verb(query: str) -> str:
    """The name of our statement, or the beginning of another one. pg_stat_statements drops our tag, and constants."""
    return _verbs().get(_shape(query)) or " ".join(query.split())[:40]


@cache
def _verbs() -> dict[str, str]:
    return {
        _shape(re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)): path.stem
        for path, text in statements_in(ROOT / "lapinq_core").items()
    }


def _shape(query: str) -> str:
    bare = re.sub(r"--[^\n]*|%\(\w+\)s|\$\d+|'[^']*'|\b\d+(\.\d+)?\b", "?", query)
    return " ".join(bare.split())[:300]


if __name__ == "__main__":
    main()
