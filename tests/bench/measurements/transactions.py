"""Enqueueing without a server: in the user's transaction (how soon tasks start after the commit, what the notice costs,
large batches), and over connections of the client's own.

A program of its own, because no other queue is measured: `python -m tests.bench.measurements.transactions`.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from lapinq import Task, TaskQueue
from lapinq._client.transaction import insertion
from lapinq._client.transaction.insertion import Insertion, Notice
from lapinq_core.domain.ids import new_ids
from tests.bench.contenders import lapinq_tasks
from tests.bench.run.figures import percentile
from tests.bench.run.server import commit_milliseconds, own_server
from tests.support.database import postgres
from tests.support.drivers.urls import plain_url, sqlalchemy_url
from tests.support.eventually import eventually
from tests.support.programs.daemons import Daemon

STARTS = 300
WARM_UP = 20
SECONDS = 5.0
BATCH = 100_000

queue = TaskQueue()
now = queue.task(lapinq_tasks.now)

Transact = Callable[[], tuple[float, str]]
"""Writes an order and its task in one transaction, and gives the time right before the commit and the task's id."""
Open = Callable[[str], AbstractContextManager[Transact]]


def main() -> None:
    parts = sys.argv[1:] or ["latency", "rates", "batches", "direct"]
    with own_server(None) as url, postgres.template(url) as template:
        print(f"one durable commit: {commit_milliseconds(url):.2f} ms")
        if "latency" in parts:
            with _database(url, template) as database:
                for name, opened in (("psycopg", _on_psycopg), ("SQLAlchemy session", _on_session)):
                    p50, p99 = _latency(database, opened)
                    print(f"start after the commit, {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        if "rates" in parts:
            for connections in (1, 8):
                for name, opened, is_silent in (
                    ("psycopg, no task", _order_only, False),
                    ("psycopg, a task without a notice", _on_psycopg, True),
                    ("psycopg, a task and a notice in the transaction", _on_psycopg, False),
                    ("session, a task without a notice", _on_session, True),
                    ("session, a task and a notice after the commit", _on_session, False),
                ):
                    with _database(url, template) as database:
                        rate = _rate(database, connections, opened, is_silent)
                    print(f"{connections} connections, {name}: {rate:,.0f} transactions/s", flush=True)
        if "batches" in parts:
            for size in (250, 1_000, 4_000):
                with _database(url, template) as database:
                    print(f"a batch of {BATCH:,} in chunks of {size}: {_batch(database, size):,.0f} tasks/s")
            with _database(url, template) as database:
                print(f"the same rows by COPY: {_copy(database):,.0f} tasks/s")
        if "direct" in parts:
            with _database(url, template) as database, TaskQueue(plain_url(database)) as direct:
                task = direct.task(lapinq_tasks.now)
                for threads in (1, 8):
                    print(f"direct, {threads} threads: {_from_threads(task, threads):,.0f} tasks/s")
                print(f"direct, 100 coroutines: {asyncio.run(_from_coroutines(task, 100)):,.0f} tasks/s")
                began = time.perf_counter()
                direct.batch_enqueue([task.entry()] * BATCH)
                print(f"direct, a batch of {BATCH:,}: {BATCH / (time.perf_counter() - began):,.0f} tasks/s")


@contextmanager
def _database(url: str, template: str) -> Generator[str]:
    with postgres.private_database(url, template) as database:
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(
                "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)"
            )
            conn.execute("CHECKPOINT")
        yield database


@contextmanager
def _on_psycopg(database: str) -> Generator[Transact]:
    with psycopg.connect(database) as conn:

        def transact() -> tuple[float, str]:
            conn.execute("INSERT INTO orders (note) VALUES ('for you')")
            ref = now.using(conn).queue()
            before = time.time()
            conn.commit()
            return before, str(ref.task_id)

        yield transact


@contextmanager
def _order_only(database: str) -> Generator[Transact]:
    with psycopg.connect(database) as conn:

        def transact() -> tuple[float, str]:
            conn.execute("INSERT INTO orders (note) VALUES ('for you')")
            conn.commit()
            return 0.0, ""

        yield transact


@contextmanager
def _on_session(database: str) -> Generator[Transact]:
    engine = create_engine(sqlalchemy_url(database, "psycopg"))

    def transact() -> tuple[float, str]:
        with Session(engine) as session:
            session.execute(text("INSERT INTO orders (note) VALUES ('for you')"))
            ref = now.using(session).queue()
            before = time.time()
            session.commit()
            return before, str(ref.task_id)

    yield transact
    engine.dispose()


def _latency(database: str, opened: Open) -> tuple[float, float]:
    """p50 and p99 in milliseconds, from just before the commit to the first line of the task."""
    with (
        Daemon("lapinq-worker", "--database-url", database),
        opened(database) as transact,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        _, first = transact()
        eventually(
            lambda: (
                conn.execute("SELECT FROM lapinq_attempts WHERE task_id = %s", (first,)).fetchone()
                is not None
            ),
            30,
        )
        sent: dict[str, float] = {}
        for _ in range(WARM_UP + STARTS):
            before, task_id = transact()
            sent[task_id] = before
            time.sleep(0.025)

        def started() -> dict[str, float] | None:
            rows = conn.execute("SELECT task_id::text, result::text FROM lapinq_attempts WHERE final")
            found = {task_id: float(result) for task_id, result in rows if task_id in sent}
            return found if len(found) == len(sent) else None

        begun = eventually(started, 60)
        assert begun is not None
        waits = sorted((begun[one] - at) * 1000 for one, at in list(sent.items())[WARM_UP:])
        return percentile(waits, 0.5), percentile(waits, 0.99)


def _rate(database: str, connections: int, opened: Open, is_silent: bool) -> float:
    context = multiprocessing.get_context("fork")
    counts = context.Queue()
    ready = context.Barrier(connections)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN lapinq_ready")
        children = [
            context.Process(target=_transact, args=(database, opened, is_silent, ready, counts))
            for _ in range(connections)
        ]
        for child in children:
            child.start()
        done = sum(counts.get(timeout=60) for _ in children)
        for child in children:
            child.join()
    return done / SECONDS


def _transact(database: str, opened: Open, is_silent: bool, ready: Any, counts: Any) -> None:
    if is_silent:
        Insertion.notices = _nothing  # type: ignore[method-assign]
    with opened(database) as transact:
        transact()
        ready.wait()
        done, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            transact()
            done += 1
    counts.put(done)


def _nothing(_: Insertion) -> set[Notice]:
    return set()


def _batch(database: str, size: int) -> float:
    insertion.MAX_TASKS_AT_ONCE = size
    entry = now.entry()
    with psycopg.connect(database) as conn:
        began = time.perf_counter()
        queue.using(conn).batch_enqueue(entry for _ in range(BATCH))
        conn.commit()
        return BATCH / (time.perf_counter() - began)


def _from_threads(task: Task[[], Any], threads: int) -> float:
    until = time.monotonic() + SECONDS

    def enqueue() -> int:
        done = 0
        while time.monotonic() < until:
            task.queue()
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        return sum(one.result() for one in [pool.submit(enqueue) for _ in range(threads)]) / SECONDS


async def _from_coroutines(task: Task[[], Any], count: int) -> float:
    until = time.monotonic() + SECONDS

    async def enqueue() -> int:
        done = 0
        while time.monotonic() < until:
            await task.aqueue()
            done += 1
        return done

    return sum(await asyncio.gather(*(enqueue() for _ in range(count)))) / SECONDS


def _copy(database: str) -> float:
    """Into the three tables that such a batch fills, as text. Its rows need no id and no check from us."""
    ids = new_ids(BATCH)
    created = datetime.now(UTC).isoformat()
    with psycopg.connect(database) as conn, conn.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(
            "COPY lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
            " retry_delay, retry_backoff, created_at) FROM STDIN"
        ) as copy:
            for one in ids:
                copy.write_row((one, "default", "now", "m", "[]", "{}", 3, 0, 10, True, created))
        with cursor.copy("COPY lapinq_ready (queue_name, rank, id) FROM STDIN") as copy:
            for one in ids:
                copy.write_row(("default", 0, one))
        conn.commit()
        return BATCH / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
