"""A fleet of idle and lightly used workers: what it costs, and how soon tasks start.

A program of its own, because it measures no rate: `python -m tests.bench.fleet --workers 1,10,40,100`. It starts so
many `lapinq worker` processes on a fresh durable server, lets them idle, hands in single tasks at some rates, then
lets delayed ones fall due, and prints a table of each fleet. A worker takes about 70 MB.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import psycopg

from lapinq_core.db.migrate import migrate
from tests.bench.contenders import marks
from tests.bench.contenders.contender import WAL_BYTES, number
from tests.bench.contenders.lapinq_producer import hand_in, hand_in_delayed
from tests.bench.run import processor_time
from tests.bench.run.figures import percentile
from tests.bench.run.processes import Processes, wait_until
from tests.bench.run.server import own_server
from tests.support.database import postgres

SERVER = {"max_connections": "1000", "shared_preload_libraries": "pg_stat_statements"}
START_SECONDS = 60.0
SETTLE_SECONDS = 8.0
"""For the heartbeats, five seconds apart, that tell workers their places: nothing shows when all have theirs."""
ARRIVE_SECONDS = 30.0
BATCH = 1_000
AHEAD_NS = 4_000_000_000
"""How long before the first delayed task is due all of them are stored."""
_UNENDED = """
SELECT count(*)
  FROM ((SELECT FROM lapinq_ready LIMIT 1) UNION ALL (SELECT FROM lapinq_running LIMIT 1)) AS unended
"""
_DISK = "SELECT pg_database_size(current_database())"
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lapinq-worker%%'"
_STATEMENTS = """
SELECT sum(calls)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname = current_database()
"""


class Sample(NamedTuple):
    """What the clock, the server and the workers show at one time. Processor time is in seconds."""

    at: float
    statements: float
    transactions: float
    database: float
    workers: float


class Fleet:
    """So many workers on one database."""

    def __init__(self, database: str, pids: Sequence[int], arrivals: Path) -> None:
        self._database = database
        self._pids = pids
        self._arrivals = arrivals
        self._seen = 0
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            self._postmaster = processor_time.postmaster(conn)

    def idle(self, seconds: float) -> str:
        before = self._sample()
        time.sleep(seconds)
        return self._row("idle", before, 0)

    def enqueue(self, rate: float, seconds: float) -> str:
        """Hands in `rate` tasks a second, one at a time, as a program without a server does."""
        before = self._sample()
        made = asyncio.run(hand_in(self._database, "rate", "arrive", seconds, rate))
        return self._row(f"{rate:g} tasks a second", before, int(made["tasks"]))

    def fall_due(self, rate: float, seconds: float) -> str:
        """Lets `rate` delayed tasks a second fall due, stored before the phase begins."""
        count = int(rate * seconds)
        first_ns = time.time_ns() + AHEAD_NS
        asyncio.run(hand_in_delayed(self._database, [first_ns + int(n / rate * 1e9) for n in range(count)]))
        time.sleep(max(0.0, first_ns / 1e9 - time.time() - 0.5))
        before = self._sample()
        time.sleep(seconds + 0.5)
        return self._row(f"{rate:g} due a second", before, count)

    def costs(self, tasks: int) -> Generator[str]:
        """Hands in so many empty tasks at once and lets the workers drain them: what each costs."""
        with psycopg.connect(self._database, autocommit=True) as conn:
            conn.execute("VACUUM")
            conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('default', lapinq_now())")
            disk = number(conn, _DISK)
            read = [(*self._used(), number(conn, WAL_BYTES))]
            asyncio.run(hand_in(self._database, "bulk", "nothing", tasks, BATCH))
            read.append((*self._used(), number(conn, WAL_BYTES)))
            conn.execute("DELETE FROM lapinq_queues")
            wait_until(lambda: not number(conn, _UNENDED), tasks / 1_000, f"{tasks} tasks are not drained")
            read.append((*self._used(), number(conn, WAL_BYTES)))
            conn.execute("VACUUM")
            disk = number(conn, _DISK) - disk
        yield "| a task | database, µs | workers, µs | WAL, bytes |"
        yield "| --- | --- | --- | --- |"
        for name, before, after in (("enqueue", *read[:2]), ("run", *read[1:])):
            database, workers, wal = (
                (late - early) / tasks for early, late in zip(before, after, strict=True)
            )
            yield f"| {name} | {database * 1e6:.1f} | {workers * 1e6:.1f} | {wal:.0f} |"
        yield f"\nDisk: {disk / tasks:.0f} bytes a task that has completed."

    def _used(self) -> tuple[float, float]:
        """Seconds of processor time, of the database and of the workers."""
        workers = sum(processor_time.seconds(pid, reaped=True) for pid in self._pids)
        return processor_time.family_seconds(self._postmaster), workers

    def _row(self, name: str, before: Sample, count: int) -> str:
        """What happened since `before`, and how long the `count` tasks waited."""
        after = self._sample()
        took = after.at - before.at
        _, statements, transactions, database, workers = (
            (late - early) / took for early, late in zip(before, after, strict=True)
        )
        with psycopg.connect(self._database, autocommit=True) as conn:
            connections = number(conn, _CONNECTIONS)
        seen = self._seen
        self._seen += count
        wait_until(
            lambda: len(marks.waits(self._arrivals)) >= self._seen,
            ARRIVE_SECONDS,
            f"not all {count} tasks arrived",
        )
        waits = marks.waits(self._arrivals)[seen:]
        p50, p99 = (f"{percentile(waits, share):.1f}" if waits else "" for share in (0.5, 0.99))
        return (
            f"| {name} | {60 * statements:,.0f} | {transactions:,.0f} | {database * 100:.1f} | {workers * 100:.1f}"
            f" | {connections} | {p50} | {p99} |"
        )

    def _sample(self) -> Sample:
        with psycopg.connect(self._database, autocommit=True) as conn:
            statements, transactions = number(conn, _STATEMENTS), number(conn, _TRANSACTIONS)
        return Sample(time.monotonic(), statements, transactions, *self._used())


@click.command()
@click.option("--workers", default="1,10,40", help="Sizes of the fleets, with commas.", show_default=True)
@click.option("--rates", default="20,100", help="Tasks enqueued a second.", show_default=True)
@click.option("--due", default=200.0, help="Delayed tasks due a second; 0: none.", show_default=True)
@click.option("--seconds", default=15.0, help="Of each phase.", show_default=True)
@click.option("--drain", default=0, help="Empty tasks to drain at the end, for what each costs; 0: none.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="Directory of the PostgreSQL to start.")
def main(workers: str, rates: str, due: float, seconds: float, drain: int, pg_bin: Path | None) -> None:
    """Measures what fleets of workers cost, and how soon tasks start in them."""
    head = "phase | statements a minute | transactions/s | database, % of a core | workers, % of a core"
    with own_server(pg_bin, SERVER) as url:
        for size in map(int, workers.split(",")):
            click.echo(f"\n{size} workers\n\n| {head} | connections | p50, ms | p99, ms |\n{'| --- ' * 8}|")
            with _fleet(url, size) as fleet:
                click.echo(fleet.idle(seconds))
                for rate in filter(None, rates.split(",")):
                    click.echo(fleet.enqueue(float(rate), seconds))
                if due:
                    click.echo(fleet.fall_due(due, seconds))
                if drain:
                    click.echo("\n" + "\n".join(fleet.costs(drain)))


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

            wait_until(are_there, START_SECONDS, f"not {size} workers")
        fleet = Fleet(database, [one.pid for one in workers], marked)
        fleet.enqueue(20 + size, 2.0)  # connections get opened, modules imported
        time.sleep(SETTLE_SECONDS)
        yield fleet


if __name__ == "__main__":
    main()
