"""DBOS Transact: workflows that are enqueued before it starts, and those that it starts itself.

Called as `dbos_program.py {queued|direct|signals} COUNT STEPS`; prints seconds, of `signals` each latency. Coroutines,
LISTEN/NOTIFY, no console log.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportMissingParameterType=false, reportMissingTypeArgument=false
# ruff: noqa: ASYNC110, ASYNC221  # these loops run only the tasks that are measured

import asyncio
import json
import os
import subprocess
import sys
import time

import psycopg
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, SetWorkflowID

AT_ONCE = 200
WARM = 20
PAUSE_SECONDS = 0.02

config: DBOSConfig = {
    "name": "bench",
    "system_database_url": os.environ["DATABASE_URL"],
    "sys_db_pool_size": 20,
    "log_level": "ERROR",
    "application_version": "1",
    "executor_id": "bench",
}
DBOS(config=config)


@DBOS.step()
async def nothing(number: int) -> int:
    return number


@DBOS.workflow()
async def steps(count: int) -> int:
    done = 0
    for number in range(count):
        done += await nothing(number)
    return done


@DBOS.workflow()
async def wait_once() -> float:
    await DBOS.recv_async("go on", timeout_seconds=60)
    return time.time()


async def direct(count: int, each: int) -> float:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with turn:
            await steps(each)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return time.perf_counter() - began


async def queued(count: int, each: int) -> float:
    """From the first end on: its start is not measured."""
    subprocess.run([sys.executable, __file__, "prepare", str(count), str(each)], check=True)
    DBOS.launch()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as conn:
        done = began = 0.0
        while not done:
            await asyncio.sleep(0.001)
            done, began = _ended(conn), time.perf_counter()
        while _ended(conn) < count:
            await asyncio.sleep(PAUSE_SECONDS)
        return (time.perf_counter() - began) * count / (count - done)


def prepare(count: int, each: int) -> None:
    """Stores the workflows, and runs none."""
    DBOS.launch()
    DBOS.destroy()
    client = DBOSClient(system_database_url=os.environ["DATABASE_URL"])
    client.register_queue("bench", worker_concurrency=AT_ONCE, polling_interval_sec=0.05)
    options: EnqueueOptions = {"workflow_name": "steps", "queue_name": "bench"}
    for _ in range(count):
        client.enqueue(options, each)
    client.destroy()


def _ended(conn: psycopg.Connection) -> int:
    return conn.execute("SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'").fetchall()[0][0]


async def signals(count: int, _: int) -> list[float]:
    """Each is sent to a workflow that waits for it, in memory."""
    found = []
    for number in range(count):
        with SetWorkflowID(f"w{number}"):
            handle = await DBOS.start_workflow_async(wait_once)
        await asyncio.sleep(PAUSE_SECONDS)
        sent = time.time()
        await DBOS.send_async(f"w{number}", "now", "go on")
        found.append(await handle.get_result(polling_interval_sec=0.005) - sent)
    return found


async def main() -> None:
    kind, count, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "prepare":
        prepare(count, each)
        return
    if kind == "queued":
        print(json.dumps(await queued(count, each)), flush=True)
        os._exit(0)
    DBOS.launch()
    await direct(WARM, each)
    print(json.dumps(await {"direct": direct, "signals": signals}[kind](count, each)), flush=True)
    os._exit(0)


asyncio.run(main())
