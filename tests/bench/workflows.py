"""What workflows cost, beside the same tasks without one.

A program of its own: `python -m tests.bench.workflows`. Each figure is of a fresh database with one worker, as the
command line starts it, and of the public client without a server.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg

from lapinq_core.db.migrate import migrate
from tests.bench.contenders.contender import number
from tests.bench.contenders.lapinq_tasks import nothing, numbered, queue
from tests.bench.run.processes import Processes, wait_until
from tests.bench.run.server import own_server
from tests.support.database import postgres

LIMIT_SECONDS = 120.0
_LEFT = """
SELECT count(*)
  FROM (SELECT FROM lapinq_ready UNION ALL SELECT FROM lapinq_delayed UNION ALL SELECT FROM lapinq_running) AS unended
"""
_LINK = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.claimed_at - p.finished_at)) * 1000
  FROM lapinq_workflow_edges e
  JOIN lapinq_attempts p ON p.task_id = e.parent_id AND p.final
  JOIN lapinq_attempts c ON c.task_id = e.child_id AND c.final
"""
_START = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.claimed_at - t.created_at)) * 1000
  FROM lapinq_tasks t
  JOIN lapinq_attempts a ON a.task_id = t.id AND a.final
 WHERE t.task_name = 'numbered'
"""


class Bench:
    """A database with a worker. It is measured in coroutines, as the tasks belong to an asynchronous queue."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn

    async def plain(self, tasks: int) -> float:
        """Seconds to enqueue and run them."""
        began = time.monotonic()
        await queue.batch_enqueue([nothing.entry() for _ in range(tasks)])
        return self._over(began)

    async def fan(self, tasks: int) -> float:
        """Seconds for one task, many after it, and one after these."""
        began = time.monotonic()
        async with queue.workflow("fan") as flow:
            first = flow.add(nothing)
            after_first = nothing.options(after=[first])
            middle = [flow.add(after_first) for _ in range(tasks - 2)]
            flow.add(nothing.options(after=middle))
        return self._over(began)

    async def many(self, workflows: int) -> float:
        """Seconds to run workflows of five tasks that are stored already."""
        self._pause()
        for _ in range(workflows):
            async with queue.workflow("five") as flow:
                first = flow.add(nothing)
                middle = [flow.add(nothing.options(after=[first])) for _ in range(3)]
                flow.add(nothing.options(after=middle))
        return self._resumed()

    async def as_many(self, tasks: int) -> float:
        """Seconds to run plain tasks that are stored already."""
        self._pause()
        await queue.batch_enqueue([nothing.entry() for _ in range(tasks)])
        return self._resumed()

    async def link(self, tasks: int) -> float:
        """Milliseconds from the end of a task to the claim of the one after it, in a chain; the median."""
        async with queue.workflow("chain") as flow:
            before = flow.add(nothing)
            for _ in range(tasks - 1):
                before = flow.add(nothing.options(after=[before]))
        self._over(0)
        return number(self._conn, _LINK)

    async def start(self, tasks: int) -> float:
        """Milliseconds from the enqueueing of a single task to its claim; the median."""
        for _ in range(tasks):
            await numbered.aqueue(0)
            await asyncio.sleep(0.02)
        self._over(0)
        return number(self._conn, _START)

    def _pause(self) -> None:
        self._conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('default', lapinq_now())")

    def _resumed(self) -> float:
        began = time.monotonic()
        self._conn.execute("DELETE FROM lapinq_queues")
        return self._over(began)

    def _over(self, began: float) -> float:
        self._wait()
        return time.monotonic() - began

    def _wait(self) -> None:
        wait_until(lambda: not number(self._conn, _LEFT), LIMIT_SECONDS, "the tasks have not ended")


Measure = Callable[[Bench], Awaitable[float]]


@click.command()
@click.option("--rounds", default=3, help="Of each measurement.", show_default=True)
@click.option("--pg-bin", type=click.Path(path_type=Path), help="Directory of the PostgreSQL to start.")
def main(rounds: int, pg_bin: Path | None) -> None:
    """Prints a table: each workflow, the same without one, and the ratio of the medians."""
    rows: list[tuple[str, str, Measure, Measure]] = [
        ("1 → 9,998 → 1, s", "10,000 tasks", lambda b: b.fan(10_000), lambda b: b.plain(10_000)),
        ("link of a chain, ms", "start", lambda b: b.link(1_000), lambda b: b.start(200)),
        ("1,000 of 5, run, s", "5,000 tasks", lambda b: b.many(1_000), lambda b: b.as_many(5_000)),
    ]
    click.echo(f"| workflow | | without | | ratio |\n{'| --- ' * 5}|")
    with own_server(pg_bin) as url:
        for name, plain_name, of_workflow, of_plain in rows:
            pairs = [
                tuple(asyncio.run(_measured(url, one)) for one in (of_workflow, of_plain))
                for _ in range(rounds)
            ]
            workflow, plain = (sorted(values)[rounds // 2] for values in zip(*pairs, strict=True))
            click.echo(f"| {name} | {workflow:.2f} | {plain_name} | {plain:.2f} | {workflow / plain:.2f} |")


async def _measured(url: str, measure: Measure) -> float:
    with _bench(url) as (database, bench):
        queue.server_url = database
        async with queue:
            await bench.plain(1_000)  # connections get opened, modules imported
            return await measure(bench)


@contextmanager
def _bench(url: str) -> Generator[tuple[str, Bench]]:
    with (
        tempfile.TemporaryDirectory(prefix="lapinq-workflows-") as directory,
        postgres.private_database(url) as database,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        migrate(database)
        marked = Path(directory, "marks")
        marked.mkdir()
        command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log"]
        with Processes(Path(directory)).start(command, {"DATABASE_URL": database}, marks_in=marked):
            yield database, Bench(conn)


if __name__ == "__main__":
    main()
