"""What workflows cost, beside the same tasks without one, and beside pg-boss's flows.

A program of its own: `python -m tests.bench.workflows`. Each figure is of a fresh database with one worker, as the
command line starts it, and of the public client without a server. A second worker has another queue, where that is
measured.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import click
import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import migrate
from tests.bench.contenders.contender import Contender, number
from tests.bench.contenders.lapinq_tasks import nothing, numbered, queue
from tests.bench.contenders.peer import Place, contenders
from tests.bench.contenders.peers import chosen
from tests.bench.run.processes import Processes, wait_until
from tests.bench.run.server import own_server
from tests.support.database import postgres

LIMIT_SECONDS = 120.0
OTHER_TASKS = 100_000
"""In the other queue: more than it starts while the workflow runs."""
BOSS_CHAIN = 10
"""A chain of pg-boss: each link takes a second or more."""
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
_RUN = """
SELECT extract(epoch FROM max(finished_at) - min(claimed_at))::float8
  FROM lapinq_attempts
 WHERE claimed_at > (SELECT max(created_at) FROM lapinq_tasks)
"""
_OTHER_CLAIMS = """
WITH other AS MATERIALIZED (
    SELECT a.claimed_at
      FROM lapinq_attempts a
      JOIN lapinq_tasks t ON t.id = a.task_id
     WHERE t.queue_name = 'other'
       AND t.task_name = 'nothing'
), ended AS (
    SELECT max(a.finished_at) AS at
      FROM lapinq_attempts a
      JOIN lapinq_tasks t ON t.id = a.task_id
     WHERE t.queue_name = 'default'
       AND a.finished_at > (SELECT min(claimed_at) FROM other)
)
SELECT (count(*) / extract(epoch FROM max(o.claimed_at) - min(o.claimed_at)))::float8
  FROM other o, ended e
 WHERE o.claimed_at <= coalesce(e.at, 'infinity')
"""
_BOSS_SECONDS = """
SELECT extract(epoch FROM max(completed_on) - min({}))::float8
  FROM pgboss.job
 WHERE id IN (SELECT parent_id FROM pgboss.job_dependency UNION SELECT child_id FROM pgboss.job_dependency)
"""
_BOSS_LINK = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.started_on - p.completed_on)) * 1000
  FROM pgboss.job_dependency d
  JOIN pgboss.job p ON p.id = d.parent_id
  JOIN pgboss.job c ON c.id = d.child_id
"""


class Bench:
    """A database with a worker. It is measured in coroutines, as the tasks belong to an asynchronous queue."""

    def __init__(
        self, conn: psycopg.Connection, working: Callable[[str], AbstractContextManager[object]]
    ) -> None:
        """`working` starts one more worker, of the queue with this name."""
        self._conn = conn
        self._working = working

    async def plain(self, tasks: int) -> float:
        """Seconds to enqueue and run them."""
        began = time.monotonic()
        await queue.batch_enqueue([nothing.entry() for _ in range(tasks)])
        return self._over(began)

    async def fan(self, tasks: int) -> float:
        """Seconds for one task, many after it, and one after these."""
        began = time.monotonic()
        await self._store_fan(tasks)
        return self._over(began)

    async def many(self, workflows: int) -> float:
        """Seconds to run workflows of five tasks that are stored already."""
        self._pause()
        for _ in range(workflows):
            async with queue.workflow("five") as flow:
                first = flow.add(nothing)
                middle = [flow.add(nothing.options(after=[first])) for _ in range(3)]
                flow.add(nothing.options(after=middle))
        return self._run()

    async def as_many(self, tasks: int) -> float:
        """Seconds to run plain tasks that are stored already."""
        self._pause()
        await queue.batch_enqueue([nothing.entry() for _ in range(tasks)])
        return self._run()

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

    async def other(self, *, plain: int = 0, fan: int = 0) -> float:
        """Tasks a second that a worker claims in another queue, alone, or while so many run in this one."""
        entry = nothing.options(queue_name="other").entry()
        with self._working("other"):
            await numbered.options(queue_name="other").aqueue(0)  # it opens its connections
            self._wait()
            self._pause()
            await queue.batch_enqueue(entry for _ in range(OTHER_TASKS))
            await queue.batch_enqueue([nothing.entry() for _ in range(plain)])
            if fan:
                await self._store_fan(fan)
            self._resume()
        return number(self._conn, _OTHER_CLAIMS)

    async def _store_fan(self, tasks: int) -> None:
        async with queue.workflow("fan") as flow:
            first = flow.add(nothing)
            after_first = nothing.options(after=[first])
            middle = [flow.add(after_first) for _ in range(tasks - 2)]
            flow.add(nothing.options(after=middle))

    def _pause(self) -> None:
        self._conn.execute(
            "INSERT INTO lapinq_queues (name, paused_at) SELECT unnest('{default,other}'::text[]), lapinq_now()"
        )

    def _resume(self) -> None:
        self._conn.execute("DELETE FROM lapinq_queues")
        self._wait()

    def _run(self) -> float:
        """From the first claim, because a worker may take a second to notice that its queue is resumed."""
        self._resume()
        return number(self._conn, _RUN)

    def _over(self, began: float) -> float:
        self._wait()
        return time.monotonic() - began

    def _wait(self) -> None:
        wait_until(lambda: not number(self._conn, _LEFT), LIMIT_SECONDS, "the tasks have not ended")


class Boss:
    """pg-boss. Its queue of flows is looked through every second, which is as often as it can be."""

    def __init__(self, contender: Contender, directory: Path) -> None:
        worker = [*contender.workers["coroutines"], "1"]
        self._contender = msgspec.structs.replace(contender, workers={"flows": worker})
        self._marks = directory

    def fan(self, tasks: int) -> float:
        """Seconds to store and run one job, many after it, and one after these."""
        return self._measured("fan", 1, tasks, _BOSS_SECONDS.format("created_on"))

    def many(self, flows: int) -> float:
        """Seconds to run flows of five jobs that are stored already."""
        return self._measured("fan", flows, 5, _BOSS_SECONDS.format("started_on"), waits=True)

    def link(self, tasks: int) -> float:
        """Milliseconds from the end of a job to the start of the one after it, in a chain; the median."""
        return self._measured("chain", 1, tasks, _BOSS_LINK)

    def _measured(self, shape: str, flows: int, size: int, query: str, *, waits: bool = False) -> float:
        """`waits`: the flows are stored before a worker is there."""
        boss = self._contender
        with boss.fresh_database() as database, boss.opened(database) as store, ExitStack() as running:
            if waits:
                boss.produce(database, "flows", shape, flows, size, limit=LIMIT_SECONDS)
            running.enter_context(boss.worker(database, "flows", self._marks))
            if not waits:
                boss.produce(database, "bulk", "nothing", 1_000, 1_000, limit=LIMIT_SECONDS)
                self._wait(store.is_drained)
                boss.produce(database, "flows", shape, flows, size, limit=LIMIT_SECONDS)
            self._wait(store.is_drained)
            assert store.conn is not None
            return number(store.conn, query)

    def _wait(self, is_drained: Callable[[int, bool], bool]) -> None:
        wait_until(lambda: is_drained(0, False), LIMIT_SECONDS, "the jobs have not ended")


Measure = Callable[[Bench], Awaitable[float]]
_ROWS: list[tuple[str, str, Measure, Measure, Callable[[Boss], float] | None]] = [
    (
        "1 → 9,998 → 1, s",
        "10,000 tasks",
        lambda b: b.fan(10_000),
        lambda b: b.plain(10_000),
        lambda boss: boss.fan(10_000),
    ),
    (
        "link of a chain of 1,000, ms",
        "start",
        lambda b: b.link(1_000),
        lambda b: b.start(200),
        lambda boss: boss.link(BOSS_CHAIN),
    ),
    (
        "1,000 of 5, run, s",
        "5,000 tasks",
        lambda b: b.many(1_000),
        lambda b: b.as_many(5_000),
        lambda boss: boss.many(1_000),
    ),
    ("another queue meanwhile, tasks/s", "alone", lambda b: b.other(fan=10_000), lambda b: b.other(), None),
    (
        "another queue beside 10,000 plain tasks, tasks/s",
        "alone",
        lambda b: b.other(plain=10_000),
        lambda b: b.other(),
        None,
    ),
]


@click.command()
@click.option("--rounds", default=3, help="Of each measurement of lapinq.", show_default=True)
@click.option("--beside", is_flag=True, help="Also pg-boss, once: its steps take seconds.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="Directory of the PostgreSQL to start.")
def main(rounds: int, beside: bool, pg_bin: Path | None) -> None:
    """Prints a table: each workflow, the same without one, the ratio of the medians, and the workflow of pg-boss."""
    click.echo(f"| workflow | | without | | ratio | pg-boss |\n{'| --- ' * 6}|")
    with own_server(pg_bin) as url, postgres.private_database(url) as template, ExitStack() as around:
        migrate(template)
        boss = around.enter_context(_boss(url)) if beside else None
        for name, plain_name, of_workflow, of_plain, of_boss in _ROWS:
            pairs = [
                tuple(asyncio.run(_measured(url, template, one)) for one in (of_workflow, of_plain))
                for _ in range(rounds)
            ]
            workflow, plain = (_median(values) for values in zip(*pairs, strict=True))
            told = f"{of_boss(boss):.2f}" if boss and of_boss else ""
            click.echo(
                f"| {name} | {workflow:.2f} | {plain_name} | {plain:.2f} | {workflow / plain:.2f} | {told} |"
            )


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


@contextmanager
def _boss(url: str) -> Generator[Boss]:
    with tempfile.TemporaryDirectory(prefix="lapinq-workflows-") as name:
        directory = Path(name)
        [peer] = chosen("pg-boss")
        with contenders(peer, Place(url, Processes(directory), "")) as [contender, *_]:
            yield Boss(contender, directory)


async def _measured(url: str, template: str, measure: Measure) -> float:
    with _bench(url, template) as (database, bench):
        queue.server_url = database
        async with queue:
            await bench.plain(1_000)  # connections get opened, modules imported
            return await measure(bench)


@contextmanager
def _bench(url: str, template: str) -> Generator[tuple[str, Bench]]:
    with (
        tempfile.TemporaryDirectory(prefix="lapinq-workflows-") as directory,
        postgres.private_database(url, str(conninfo_to_dict(template)["dbname"])) as database,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        marked = Path(directory, "marks")
        marked.mkdir()
        processes, env = Processes(Path(directory)), {"DATABASE_URL": database}

        def working(name: str) -> AbstractContextManager[object]:
            command = [sys.executable, "-m", "lapinq", "worker", "--no-task-log", "--queue", name]
            return processes.start(command, env, marks_in=marked)

        with working("default"):
            yield database, Bench(conn, working)


if __name__ == "__main__":
    main()
