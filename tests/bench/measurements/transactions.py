"""Enqueueing without a server: in the user's transaction (how soon tasks start after the commit, and what the notice
costs), and over connections of the client's own.

A program of its own, because no other queue is measured: `python -m tests.bench.measurements.transactions`.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from lapinq import Task, TaskQueue
from lapinq._client.transaction.insertion import Insertion, Notice
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
_ORDERS = "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)"
_ORDER = "INSERT INTO orders (note) VALUES ('for you')"
_BEGUN = """
SELECT task_id::text, result::text::float8 FROM lapinq_attempts WHERE final AND task_id = ANY (%s::uuid[])
"""

queue = TaskQueue()
now = queue.task(lapinq_tasks.now)

Transact = Callable[[], tuple[float, str]]
"""Writes an order and its task in one transaction, and gives the time right before the commit and the task's id."""
Open = Callable[[str], AbstractContextManager[Transact]]
Fresh = Callable[[], AbstractContextManager[str]]


def main() -> None:
    parts = {"latency": _latencies, "rates": _rates, "direct": _direct}
    with own_server(None) as url, postgres.template(url) as template:
        print(f"one durable commit: {commit_milliseconds(url):.2f} ms")
        for part in sys.argv[1:] or parts:
            parts[part](partial(_database, url, template))


@contextmanager
def _database(url: str, template: str) -> Generator[str]:
    with postgres.private_database(url, template) as database:
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(_ORDERS)
            conn.execute("CHECKPOINT")
        yield database


@contextmanager
def _on_psycopg(database: str, *, has_task: bool = True) -> Generator[Transact]:
    with psycopg.connect(database) as conn:

        def transact() -> tuple[float, str]:
            conn.execute(_ORDER)
            task_id = str(now.using(conn).queue().task_id) if has_task else ""
            before = time.time()
            conn.commit()
            return before, task_id

        yield transact


@contextmanager
def _on_session(database: str) -> Generator[Transact]:
    engine = create_engine(sqlalchemy_url(database, "psycopg"))

    def transact() -> tuple[float, str]:
        with Session(engine) as session:
            session.execute(text(_ORDER))
            ref = now.using(session).queue()
            before = time.time()
            session.commit()
            return before, str(ref.task_id)

    yield transact
    engine.dispose()


def _latencies(fresh: Fresh) -> None:
    """From just before the commit to the first line of the task."""
    with fresh() as database, Daemon("lapinq-worker", "--database-url", database):
        for name, opened in (("psycopg", _on_psycopg), ("SQLAlchemy session", _on_session)):
            with opened(database) as transact, psycopg.connect(database, autocommit=True) as conn:
                _begun(conn, [transact()[1]])
                sent: dict[str, float] = {}
                for _ in range(WARM_UP + STARTS):
                    before, task_id = transact()
                    sent[task_id] = before
                    time.sleep(0.025)
                begun = _begun(conn, list(sent))
            waits = [(begun[one] - at) * 1000 for one, at in list(sent.items())[WARM_UP:]]
            p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
            print(f"start after the commit, {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _begun(conn: psycopg.Connection, ids: list[str]) -> dict[str, float]:
    """When each of these tasks began, once all have ended."""

    def found() -> dict[str, float] | None:
        rows = conn.execute(_BEGUN, (ids,)).fetchall()
        return dict(rows) if len(rows) == len(ids) else None

    begun = eventually(found, 60)
    assert begun is not None
    return begun


def _rates(fresh: Fresh) -> None:
    for connections in (1, 8):
        for name, opened, is_silent in (
            ("psycopg, no task", partial(_on_psycopg, has_task=False), False),
            ("psycopg, a task without a notice", _on_psycopg, True),
            ("psycopg, a task and a notice in the transaction", _on_psycopg, False),
            ("session, a task without a notice", _on_session, True),
            ("session, a task and a notice after the commit", _on_session, False),
        ):
            with fresh() as database:
                rate = _rate(database, connections, opened, is_silent)
            print(f"{connections} connections, {name}: {rate:,.0f} transactions/s", flush=True)


def _rate(database: str, connections: int, opened: Open, is_silent: bool) -> float:
    context = multiprocessing.get_context("fork")
    counts, ready = context.Queue(), context.Barrier(connections)
    arguments = (database, opened, is_silent, ready, counts)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN lapinq_ready")
        children = [context.Process(target=_transact, args=arguments) for _ in range(connections)]
        for child in children:
            child.start()
        done = sum(counts.get(timeout=60) for _ in children)
        for child in children:
            child.join()
    return done / SECONDS


def _transact(database: str, opened: Open, is_silent: bool, ready: Any, counts: Any) -> None:
    silence = patch.object(Insertion, "notices", _no_notices) if is_silent else nullcontext()
    with silence, opened(database) as transact:
        transact()
        ready.wait()
        counts.put(_repeat(transact))


def _no_notices(_: Insertion) -> set[Notice]:
    return set()


def _repeat(act: Callable[[], object]) -> int:
    """How often it can be done in `SECONDS`."""
    done, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        act()
        done += 1
    return done


def _direct(fresh: Fresh) -> None:
    with fresh() as database, TaskQueue(plain_url(database)) as direct:
        task = direct.task(lapinq_tasks.now)
        for threads in (1, 8):
            with ThreadPoolExecutor(threads) as pool:
                done = sum(pool.map(_repeat, [task.queue] * threads))
            print(f"direct, {threads} threads: {done / SECONDS:,.0f} tasks/s")
        print(f"direct, 100 coroutines: {asyncio.run(_from_coroutines(task, 100)):,.0f} tasks/s")
        began = time.perf_counter()
        direct.batch_enqueue([task.entry()] * BATCH)
        print(f"direct, a batch of {BATCH:,}: {BATCH / (time.perf_counter() - began):,.0f} tasks/s")


async def _from_coroutines(task: Task[[], Any], count: int) -> float:
    until = time.monotonic() + SECONDS

    async def enqueue() -> int:
        done = 0
        while time.monotonic() < until:
            await task.aqueue()
            done += 1
        return done

    return sum(await asyncio.gather(*(enqueue() for _ in range(count)))) / SECONDS


if __name__ == "__main__":
    main()
