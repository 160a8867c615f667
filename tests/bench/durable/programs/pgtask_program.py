"""pgtask: tasks that are enqueued before its worker starts.

Called as `pgtask_program.py {queued|signals} COUNT STEPS`; prints seconds, of `signals` each latency.
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

import psycopg
from pgtask import Client, EnqueueRequest, Task, TaskRegistry, Worker

URL = os.environ["DATABASE_URL"]
CONCURRENCY = 200
CONNECTIONS = 20
PAUSE_SECONDS = 0.02

tasks = TaskRegistry(queue_name="bench")
arrived: dict[str, float] = {}


async def nothing() -> int:
    return 1


@tasks.task("steps")
async def steps(task: Task, payload: dict) -> int:
    done = 0
    for number in range(payload["count"]):
        done += await task.step("step", nothing, number)
    return done


@tasks.task("wait")
async def wait(task: Task, payload: dict) -> None:
    await task.wait_for_signal("wait", "go-on")
    arrived[payload["name"]] = time.time()


def worker() -> Worker:
    return Worker(
        URL, tasks, concurrency=CONCURRENCY, max_query_connections=CONNECTIONS, retention_enabled=False
    )


async def queued(count: int, each: int) -> float:
    client = await Client.connect(URL)
    await client.migrate()
    for start in range(0, count, 500):
        await client.enqueue_many(
            [EnqueueRequest("steps", {"count": each}, queue_name="bench")] * min(500, count - start)
        )
    began = time.perf_counter()
    running = asyncio.ensure_future(worker().run())
    async with await psycopg.AsyncConnection.connect(URL, autocommit=True) as conn:
        look = "SELECT count(*) FROM pgtask.tasks WHERE completed_at IS NULL"
        while await (await conn.execute(look)).fetchone() != (0,):
            await asyncio.sleep(PAUSE_SECONDS)
    seconds = time.perf_counter() - began
    running.cancel()
    return seconds


async def signals(count: int, _: int) -> list[float]:
    client = await Client.connect(URL)
    await client.migrate()
    running = asyncio.ensure_future(worker().run())
    found = []
    for number in range(count):
        name = str(number)
        handle = await client.enqueue(EnqueueRequest("wait", {"name": name}, queue_name="bench"))
        await asyncio.sleep(0.1)
        sent = time.time()
        await handle.signal("go-on", 1)
        while name not in arrived:
            await asyncio.sleep(0.001)
        found.append(arrived[name] - sent)
    running.cancel()
    return found


async def main() -> None:
    measure = {"queued": queued, "signals": signals}[sys.argv[1]]
    print(json.dumps(await measure(int(sys.argv[2]), int(sys.argv[3]))), flush=True)
    os._exit(0)


asyncio.run(main())
