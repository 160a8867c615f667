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
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import psycopg

from lapinq_core.db.migrate import migrate
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import connect, make_pool
from lapinq_core.intake import enqueueing
from tests.bench.contenders import marks
from tests.bench.contenders.contender import number
from tests.bench.contenders.lapinq_producer import new_task, time_after
from tests.bench.run import processor_time
from tests.bench.run.figures import percentile
from tests.bench.run.processes import ROOT, BenchError, Processes
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
_DISK = "SELECT pg_database_size(current_database())"
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lapinq-worker%'"
_CALLS = """
SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()
"""


class Sample(NamedTuple):
    """What the clock, the server and the workers show at one time."""

    at: float
    transactions: int
    calls: Counter[str]
    database_seconds: float
    worker_seconds: float
    connections: int


class Phase(NamedTuple):
    """What happened between two samples, and how many milliseconds its tasks waited."""

    name: str
    before: Sample
    after: Sample
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
            self._postmaster = processor_time.parent(int(number(conn, "SELECT pg_backend_pid()")))

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
        asyncio.run(_delay(self._database, [first_ns + int(place / rate * 1e9) for place in range(count)]))
        time.sleep(max(0.0, first_ns / 1e9 - time.time() - 0.5))
        before = self._sample()
        time.sleep(seconds + 0.5)
        return self._phase(f"{rate:g} due a second", before, count)

    def costs(self, tasks: int) -> str:
        """Hands in so many empty tasks at once and lets the workers drain them: what each costs."""
        with psycopg.connect(self._database, autocommit=True) as conn:
            conn.execute("VACUUM")
            conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('default', lapinq_now())")
            read = [self._reading(conn)]
            asyncio.run(_bulk(self._database, tasks))
            read.append(self._reading(conn))
            conn.execute("DELETE FROM lapinq_queues")
            _wait(lambda: not number(conn, _UNENDED), tasks / 1_000, f"{tasks} tasks are not drained")
            read.append(self._reading(conn))
            conn.execute("VACUUM")
            disk = number(conn, _DISK)
        lines = ["| a task | database, µs | workers, µs | WAL, bytes |", "| --- | --- | --- | --- |"]
        for name, before, after in (("enqueue", *read[:2]), ("run", *read[1:])):
            database, workers, wal, _ = (
                (late - early) / tasks for early, late in zip(before, after, strict=True)
            )
            lines.append(f"| {name} | {database * 1e6:.1f} | {workers * 1e6:.1f} | {wal:.0f} |")
        return "\n".join(
            [*lines, f"\nDisk: {(disk - read[0][3]) / tasks:.0f} bytes a task that has completed."]
        )

    def _reading(self, conn: psycopg.Connection) -> tuple[float, float, float, float]:
        """Seconds of the database, seconds of the workers, bytes of WAL, bytes on disk."""
        return (
            *self._used(),
            number(conn, "SELECT (pg_current_wal_lsn() - '0/0')::bigint"),
            number(conn, _DISK),
        )

    def _used(self) -> tuple[float, float]:
        """Seconds of processor time, of the database and of the workers."""
        workers = sum(processor_time.seconds(pid, reaped=True) for pid in self._pids)
        return processor_time.family_seconds(self._postmaster), workers

    def _phase(self, name: str, before: Sample, count: int) -> Phase:
        after = self._sample()
        _wait(
            lambda: len(marks.waits(self._arrivals)) >= self._seen + count,
            ARRIVE_SECONDS,
            f"not all {count} tasks arrived",
        )
        waits = marks.waits(self._arrivals)
        self._seen, waits = len(waits), waits[self._seen :]
        return Phase(name, before, after, waits)

    def _sample(self) -> Sample:
        with psycopg.connect(self._database, autocommit=True) as conn:
            transactions = number(conn, _TRANSACTIONS)
            connections = number(conn, _CONNECTIONS)
            calls = Counter[str]()
            for query, times in conn.execute(_CALLS):
                calls[_verb(query)] += times
        return Sample(time.monotonic(), int(transactions), calls, *self._used(), int(connections))


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
        processes = Processes(directory)
        marked = directory / "marks"
        marked.mkdir()
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log"]
        workers = [
            stack.enter_context(processes.start(command, {"DATABASE_URL": database}, marks_in=marked))
            for _ in range(size)
        ]
        with psycopg.connect(database, autocommit=True) as conn:

            def are_there() -> bool:
                for one in workers:
                    one.check_alive()
                return number(conn, "SELECT count(*) FROM lapinq_workers") == size

            _wait(are_there, START_SECONDS, f"not {size} workers")
        fleet = Fleet(database, [one.pid for one in workers], marked)
        fleet.enqueue(20 + size, 2.0)  # connections get opened, modules imported
        time.sleep(SETTLE_SECONDS)
        yield fleet


def _wait(is_there: Callable[[], bool], seconds: float, complaint: str) -> None:
    give_up = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > give_up:
            raise BenchError(f"{complaint} after {seconds:.0f} s")
        time.sleep(0.1)


async def _enqueue(database: str, rate: float, count: int) -> None:
    async with (
        make_pool(database, "bench notify", 1, timeout=5) as pool,
        await connect(database, "bench") as conn,
    ):
        notifier = Notifier(pool)
        notifying = asyncio.create_task(notifier.run())
        started = time.monotonic()
        for place in range(count):
            await asyncio.sleep(max(0.0, started + place / rate - time.monotonic()))
            task = new_task("arrive", args=[time.time_ns()])
            notifier.wake(await enqueueing.enqueue(conn, [task]))
        await notifier.flush()
        notifying.cancel()
        await asyncio.wait([notifying])


async def _bulk(database: str, tasks: int) -> None:
    async with await connect(database, "bench") as conn:
        for done in range(0, tasks, BATCH):
            made = [new_task("nothing") for _ in range(min(BATCH, tasks - done))]
            await enqueueing.enqueue(conn, made)


async def _delay(database: str, due_ns: Sequence[int]) -> None:
    async with await connect(database, "bench") as conn:
        made = [new_task("arrive", args=[one], scheduled_at=time_after(one)) for one in due_ns]
        await enqueueing.enqueue(conn, made)


def _table(size: int, phases: Sequence[Phase]) -> str:
    lines = [
        f"\n{size} workers",
        "",
        "| phase | transactions/s | database, % of a core | workers, % of a core | connections | p50, ms | p99, ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    statements: list[str] = []
    for name, before, after, found in phases:
        took = after.at - before.at
        transactions = (after.transactions - before.transactions) / took
        database = (after.database_seconds - before.database_seconds) / took
        workers = (after.worker_seconds - before.worker_seconds) / took
        waits = [f"{percentile(found, share):.1f}" if found else "" for share in (0.5, 0.99)]
        lines.append(
            f"| {name} | {transactions:,.0f} | {database * 100:.1f} | {workers * 100:.1f} | {after.connections}"
            f" | {waits[0]} | {waits[1]} |"
        )
        calls = Counter({verb: 60 * times / took for verb, times in (after.calls - before.calls).items()})
        most = ", ".join(f"{verb} {times:,.0f}" for verb, times in calls.most_common(VERBS_SHOWN))
        statements.append(f"\n{name}: {sum(calls.values()):,.0f} statements a minute: {most}")
    return "\n".join(lines + statements)


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
