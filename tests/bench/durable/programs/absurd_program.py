"""Absurd, whose schema is there: tasks that are spawned before its worker starts.

Called as `absurd_program.py {queued|signals} COUNT STEPS`; prints seconds, of `signals` each latency. `queued` has as
many worker processes as PROCESSES says, each with a connection that it shares among its tasks.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportMissingParameterType=false, reportMissingTypeArgument=false
# ruff: noqa: ASYNC110  # these loops run only the tasks that are measured

import asyncio
import json
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import psycopg
from absurd_sdk import AsyncAbsurd

CONCURRENCY = 50
PAUSE_SECONDS = 0.02
URL = os.environ["DATABASE_URL"]


def app() -> AsyncAbsurd:
    found = AsyncAbsurd(URL, queue_name="bench")

    @found.register_task(name="steps")
    async def steps(params, ctx):
        async def nothing():
            return 1

        done = 0
        for number in range(params["count"]):
            done += await ctx.step(f"step {number}", nothing)
        return done

    @found.register_task(name="wait")
    async def wait(params, ctx):
        await ctx.await_event(params["event"])
        note(params["notes"])

    return found


def note(notes: str) -> None:
    with Path(notes).open("a") as file:
        file.write(f"{time.time()}\n")


def work() -> None:
    asyncio.run(app().start_worker(concurrency=CONCURRENCY, poll_interval=0.01))


async def queued(count: int, each: int) -> float:
    client = app()
    await client.create_queue("bench")
    for _ in range(count):
        await client.spawn("steps", {"count": each})
    workers = [
        get_context("spawn").Process(target=work, daemon=True) for _ in range(int(os.environ["PROCESSES"]))
    ]
    with psycopg.connect(URL, autocommit=True) as conn:
        look = "SELECT count(*) FROM absurd.t_bench WHERE state = 'completed'"
        for worker in workers:
            worker.start()
        while conn.execute(look).fetchone() == (0,):
            await asyncio.sleep(0.001)
        began = time.perf_counter()
        done = conn.execute(look).fetchall()[0][0]
        while conn.execute(look).fetchone() != (count,):
            await asyncio.sleep(PAUSE_SECONDS)
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.terminate()
    return seconds * count / (count - done)


async def signals(count: int, _: int) -> list[float]:
    """Each event is emitted when its task has been suspended."""
    client = app()
    await client.create_queue("bench")
    worker = get_context("spawn").Process(target=work, daemon=True)
    worker.start()
    notes = os.environ["NOTES"]
    Path(notes).touch()
    found = []
    with psycopg.connect(URL, autocommit=True) as conn:
        for number in range(count):
            await client.spawn("wait", {"event": f"go {number}", "notes": notes})
            while conn.execute("SELECT count(*) FROM absurd.t_bench WHERE state = 'sleeping'").fetchone() != (
                1,
            ):
                await asyncio.sleep(0.005)
            sent = time.time()
            await client.emit_event(f"go {number}", 1)
            while len(lines := Path(notes).read_text().split()) <= number:
                await asyncio.sleep(0.005)
            found.append(float(lines[number]) - sent)
    worker.terminate()
    return found


if __name__ == "__main__":
    measure = {"queued": queued, "signals": signals}[sys.argv[1]]
    print(json.dumps(asyncio.run(measure(int(sys.argv[2]), int(sys.argv[3])))))
