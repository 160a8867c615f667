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

queue = TaskQueue()
now = queue.task(lapinq_tasks.now)

Transact = Callable[[], tuple[float, str]]
"""Writes an order and its task in one transaction, and gives the time right before the commit and the task's id."""
Open = Callable[[str], AbstractContextManager[Transact]]


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
            conn.execute(
                "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)"
            )
            conn.execute("CHECKPOINT")
        yield database


_Fresh = Callable[[], AbstractContextManager[str]]


@contextmanager
def _on_psycopg(database: str, *, has_task: bool = True) -> Generator[Transact]:
    with psycopg.connect(database) as conn:

        def transact() -> tuple[float, str]:
            conn.execute("INSERT INTO orders (note) VALUES ('for you')")
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
            session.execute(text("INSERT INTO orders (note) VALUES ('for you')"))
            ref = now.using(session).queue()
            before = time.time()
            session.commit()
            return before, str(ref.task_id)

    yield transact
    engine.dispose()


def _latencies(fresh: _Fresh) -> None:
    """From just before the commit to the first line of the task."""
    opens: dict[str, Open] = {"psycopg": _on_psycopg, "SQLAlchemy session": _on_session}
    with fresh() as database, Daemon("lapinq-worker", "--database-url", database):
        for name, opened in opens.items():
            with opened(database) as transact, psycopg.connect(database, autocommit=True) as conn:

                def started(ids: list[str], conn: psycopg.Connection = conn) -> dict[str, float] | None:
                    found = conn.execute(
                        "SELECT task_id::text, result::text::float8 FROM lapinq_attempts"
                        " WHERE final AND task_id = ANY (%s::uuid[])",
                        (ids,),
                    ).fetchall()
                    return dict(found) if len(found) == len(ids) else None

                first = transact()[1]
                eventually(lambda first=first, started=started: started([first]), 30)
                sent: dict[str, float] = {}
                for _ in range(WARM_UP + STARTS):
                    before, task_id = transact()
                    sent[task_id] = before
                    time.sleep(0.025)
                begun = eventually(lambda sent=sent, started=started: started(list(sent)), 60)
                assert begun is not None
                waits = [(begun[one] - at) * 1000 for one, at in list(sent.items())[WARM_UP:]]
                p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
                print(f"start after the commit, {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _rates(fresh: _Fresh) -> None:
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
    silence = patch.object(Insertion, "notices", _no_notices) if is_silent else nullcontext()
    with silence, opened(database) as transact:
        transact()
        ready.wait()
        done, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            transact()
            done += 1
    counts.put(done)


def _no_notices(_: Insertion) -> set[Notice]:
    return set()


def _direct(fresh: _Fresh) -> None:
    with fresh() as database, TaskQueue(plain_url(database)) as direct:
        task = direct.task(lapinq_tasks.now)
        for threads in (1, 8):
            print(f"direct, {threads} threads: {_from_threads(task, threads):,.0f} tasks/s")
        print(f"direct, 100 coroutines: {asyncio.run(_from_coroutines(task, 100)):,.0f} tasks/s")
        began = time.perf_counter()
        direct.batch_enqueue([task.entry()] * BATCH)
        print(f"direct, a batch of {BATCH:,}: {BATCH / (time.perf_counter() - began):,.0f} tasks/s")


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


if __name__ == "__main__":
    sys.exit(main())
