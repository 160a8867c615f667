"""What durable tasks cost, and beside other programs if there is a Python that has them.

A program of its own: `python -m tests.bench.durable`. Each figure is of a fresh database with one worker process, as
the command line starts it.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TypeVar
from urllib.parse import quote

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import migrate
from tests.bench.contenders.contender import number
from tests.bench.durable.tasks import many_steps, queue, start, steps, wait_once
from tests.bench.run.processes import Processes, say, wait_until
from tests.bench.run.server import own_server
from tests.support.database import postgres

T = TypeVar("T")

LIMIT_SECONDS = 150.0
PAUSE_SECONDS = 0.02
PROGRAMS = Path(__file__).parent / "programs"
_LEFT = """
SELECT count(*)
  FROM (SELECT FROM lapinq_ready UNION ALL SELECT FROM lapinq_delayed UNION ALL SELECT FROM lapinq_running) AS unended
"""
_WAITS = "SELECT count(*) FROM lapinq_delayed WHERE due_at = lapinq_until_woken()"
_SLEEPERS = """
WITH ids AS MATERIALIZED (
    SELECT overlay(gen_random_uuid()::text PLACING '7' FROM 15)::uuid AS id
      FROM generate_series(1, %s)
), tasks AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts)
    SELECT id, lapinq_now() + interval '30 days', 'default', 0, 0 FROM ids
)
INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, due_at, attempt, claim_seq)
SELECT id, 'sleep', 0, 'sleep', lapinq_now(), lapinq_now() + interval '30 days', 1, 1 FROM ids
"""


class Bench:
    """A database with a worker."""

    def __init__(self, conn: psycopg.Connection, notes: Path, worker: int) -> None:
        self._conn = conn
        self._notes = notes
        self._worker = worker

    async def drain(self, tasks: int, each: int) -> tuple[float, float]:
        """Seconds, and bytes of write-ahead log a task, to run stored tasks of so many steps."""
        self._conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('default', lapinq_now())")
        for begin in range(0, tasks, 1000):
            await queue.batch_enqueue([steps.entry(each) for _ in range(min(1000, tasks - begin))])
        self._conn.execute("CHECKPOINT")
        at = number(self._conn, "SELECT pg_current_wal_insert_lsn() - '0/0'")
        began = time.perf_counter()
        self._conn.execute("DELETE FROM lapinq_queues")
        self._wait(_LEFT)
        seconds = time.perf_counter() - began
        return seconds, (number(self._conn, "SELECT pg_current_wal_insert_lsn() - '0/0'") - at) / tasks

    async def replay(self, count: int) -> tuple[float, float, float]:
        """Milliseconds that a step takes, one after the other; those from a signal until the task has passed so many
        stored steps; and MB by which its worker grows for that."""
        began = time.perf_counter()
        handle = await many_steps.aqueue(count, str(self._notes))
        wait_until(lambda: number(self._conn, _WAITS) == 1, LIMIT_SECONDS, "it does not wait")
        each = (time.perf_counter() - began) / count * 1000
        before = self._peak()
        self._conn.execute("SELECT lapinq_signal(%s, 'go on')", (handle.task_id,))
        sent = time.time()
        self._wait(_LEFT)
        return each, (self._arrivals()[0] - sent) * 1000, (self._peak() - before) / 1024

    async def signals(self, count: int) -> list[float]:
        """Milliseconds from a signal until its task goes on."""
        sent: list[float] = []
        for _ in range(count):
            handle = await wait_once.aqueue(str(self._notes))
            wait_until(lambda: number(self._conn, _WAITS) == 1, LIMIT_SECONDS, "it does not wait")
            await asyncio.sleep(PAUSE_SECONDS)
            sent.append(time.time())
            self._conn.execute("SELECT lapinq_signal(%s, 'go on')", (handle.task_id,))
            self._wait(_LEFT)
        return [(came - left) * 1000 for came, left in zip(self._arrivals(), sent, strict=True)]

    async def starts(self, count: int) -> list[float]:
        """Milliseconds from an enqueue to the start."""
        sent: list[float] = []
        for _ in range(count):
            await asyncio.sleep(2 * PAUSE_SECONDS)
            sent.append(time.time())
            await start.aqueue(str(self._notes))
            self._wait(_LEFT)
        return [(came - left) * 1000 for came, left in zip(self._arrivals(), sent, strict=True)]

    async def beside_sleepers(self, sleepers: int, tasks: int) -> float:
        """Tasks a second without steps, beside so many that sleep."""
        if sleepers:
            self._conn.execute(_SLEEPERS, (sleepers,))
            self._conn.execute("VACUUM ANALYZE lapinq_delayed, lapinq_steps")
        self._conn.execute("CHECKPOINT")
        began = time.perf_counter()
        for begin in range(0, tasks, 1000):
            await queue.batch_enqueue([steps.entry(0) for _ in range(min(1000, tasks - begin))])
        self._wait(f"SELECT ({_LEFT}) - {sleepers}")
        return tasks / (time.perf_counter() - began)

    def _wait(self, left: str) -> None:
        wait_until(lambda: not number(self._conn, left), LIMIT_SECONDS, "the tasks have not ended")

    def _arrivals(self) -> list[float]:
        found = [float(line) for line in self._notes.read_text().split()]
        self._notes.unlink()
        return found

    def _peak(self) -> float:
        """Most kB that the worker has ever had."""
        status = Path(f"/proc/{self._worker}/status").read_text()
        return float(status.split("VmHWM:")[1].split()[0])


@click.command()
@click.option("--rounds", default=3, help="Of each measurement.", show_default=True)
@click.option("--only", help="Some of drain,replay,signals,sleepers.")
@click.option("--tasks", default=4_000, help="With steps, in a drain.", show_default=True)
@click.option("--python", type=click.Path(path_type=Path), help="One with dbos, absurd-sdk and pgtask.")
@click.option("--absurd", type=click.Path(path_type=Path), help="The absurd.sql of that version.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="Directory of the PostgreSQL to start.")
def main(
    rounds: int, only: str | None, tasks: int, python: Path | None, absurd: Path | None, pg_bin: Path | None
) -> None:
    """Prints a line for each figure: all rounds, and their median."""
    wanted = only.split(",") if only else ["drain", "replay", "signals", "sleepers"]
    with own_server(pg_bin) as url:
        for round_number in range(rounds):
            say(f"round {round_number + 1} of {rounds}")
            for kind in wanted:
                _ROUNDS[kind](url, tasks)
                if python is not None and kind in {"drain", "signals"}:
                    _others(url, kind, tasks, python, absurd)
    for name, values in _found.items():
        told = ", ".join(f"{value:,.2f}" for value in values)
        click.echo(f"| {name} | {median(values):,.2f} | {told} |")


_found: dict[str, list[float]] = {}


def _note(name: str, value: float) -> None:
    _found.setdefault(name, []).append(value)
    say(f"{name}: {value:,.2f}")


def _drains(url: str, tasks: int) -> None:
    each: dict[int, tuple[float, float]] = {}
    for count in (0, 1, 10):
        share = tasks if count < 10 else tasks // 2
        seconds, wal = _measured(url, lambda bench, count=count, share=share: bench.drain(share, count))
        _note(f"lapinq, {count} steps, tasks/s", share / seconds)
        each[count] = seconds / share, wal
    _note("lapinq, ms more for a step, 200 at once", (each[10][0] - each[1][0]) / 9 * 1000)
    _note("lapinq, WAL bytes a step", (each[10][1] - each[1][1]) / 9)


def _replays(url: str, _: int) -> None:
    for count in (1_000, 9_999):
        each, milliseconds, grown = _measured(url, lambda bench, count=count: bench.replay(count))
        _note("lapinq, ms a step, one after the other", each)
        _note(f"lapinq, ms to pass {count:,} steps", milliseconds)
        _note(f"lapinq, MB more for that, {count:,} steps", grown)


def _signals(url: str, _: int) -> None:
    _percentiles("lapinq, signal to resume, ms", _measured(url, lambda bench: bench.signals(150)))
    _percentiles("lapinq, start, ms", _measured(url, lambda bench: bench.starts(150)))


def _sleepers(url: str, _: int) -> None:
    for sleepers in (0, 1_000_000):
        rate = _measured(url, lambda bench, sleepers=sleepers: bench.beside_sleepers(sleepers, 30_000))
        _note(f"lapinq, plain tasks/s beside {sleepers:,} sleepers", rate)


_ROUNDS: dict[str, Callable[[str, int], None]] = {
    "drain": _drains,
    "replay": _replays,
    "signals": _signals,
    "sleepers": _sleepers,
}


def _percentiles(name: str, values: Sequence[float]) -> None:
    ordered = sorted(values)
    _note(f"{name}, p50", ordered[len(ordered) // 2])
    _note(f"{name}, p99", ordered[int(len(ordered) * 0.99)])


def _others(url: str, kind: str, tasks: int, python: Path, absurd: Path | None) -> None:
    runs: list[tuple[str, str, int]] = [("dbos", "direct", 1), ("dbos", "queued", 1), ("pgtask", "queued", 1)]
    if absurd is not None:
        runs += [("absurd", "queued", 1), ("absurd", "queued", 2)]
    if kind == "signals":
        runs = [
            ("dbos", "signals", 1),
            ("pgtask", "signals", 1),
            *([("absurd", "signals", 1)] if absurd else []),
        ]
    for name, how, processes in runs:
        if kind == "signals":
            found = _other(url, python, absurd, name, how, processes, 100, 0)
            assert isinstance(found, list)
            _percentiles(f"{name}, signal to resume, ms", [1000 * one for one in found])
            continue
        for count in (1, 10):
            share = tasks // 4 if count == 1 else tasks // 16
            seconds = _other(url, python, absurd, name, how, processes, share, count)
            assert isinstance(seconds, float)
            _note(f"{name} {how} {processes}, {count} steps, tasks/s", share / seconds)


def _other(
    url: str, python: Path, absurd: Path | None, name: str, how: str, processes: int, count: int, each: int
) -> float | list[float]:
    with (
        tempfile.TemporaryDirectory(prefix="lapinq-durable-") as directory,
        postgres.private_database(url) as database,
    ):
        if name == "absurd" and absurd is not None:
            with psycopg.connect(database, autocommit=True) as conn:
                conn.execute(absurd.read_bytes())
        env = {
            "DATABASE_URL": _as_url(database, is_host_in_place=name == "pgtask"),
            "PROCESSES": str(processes),
            "NOTES": str(Path(directory, "notes")),
        }
        command = [str(python), str(PROGRAMS / f"{name}_program.py"), how, str(count), str(each)]
        output = Processes(Path(directory)).run(command, env, limit=LIMIT_SECONDS)
    return json.loads(output.strip().splitlines()[-1])


def _as_url(database: str, *, is_host_in_place: bool) -> str:
    """Some want the folder of the server's socket in the place of the host, some at the end."""
    given = {name: str(value) for name, value in conninfo_to_dict(database).items()}
    host, name = quote(given["host"], safe=""), given["dbname"]
    user = f"{given['user']}:{given.get('password', '')}"
    if is_host_in_place:
        return f"postgresql://{user}@{host}:{given['port']}/{name}"
    return f"postgresql://{user}@/{name}?host={given['host']}&port={given['port']}"


def _measured(url: str, measure: Callable[[Bench], Awaitable[T]]) -> T:
    async def measured() -> T:
        with _bench(url) as (database, bench):
            queue.server_url = database
            async with queue:
                await bench.drain(200, 1)  # connections get opened, modules imported
                return await measure(bench)

    return asyncio.run(measured())


@contextmanager
def _bench(url: str) -> Generator[tuple[str, Bench]]:
    with (
        tempfile.TemporaryDirectory(prefix="lapinq-durable-") as directory,
        postgres.private_database(url) as database,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        migrate(database)
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log", "--concurrency", "200"]
        with Processes(Path(directory)).start(command, {"DATABASE_URL": database}) as worker:
            yield database, Bench(conn, Path(directory, "notes"), worker.pid)


if __name__ == "__main__":
    main()
