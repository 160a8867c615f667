"""What a type checker says of code that uses the client: a wrong call is marked, a right one is not.

The samples are checked by pyright in strict mode. A line that must be an error ends with `# error: <rule>`.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SAMPLE = """\
import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from fastapi import FastAPI
from flask import Flask
from lapinq import AsyncTaskQueue, Backoff, BatchRef, Cancel, CurrentTask, Delays, FixedDelay, LapinqError, Middleware
from lapinq import RetryError, Snooze, Task, TaskQueue, TaskRef, TimeLimit, current_task
from lapinq.contrib.flask import AppContext
from lapinq.contrib.starlette import lifespan, mount
from lapinq.middleware.logging import StructuredLogging
from lapinq.middleware.opentelemetry import OpenTelemetry
from lapinq.middleware.sentry import Sentry
from lapinq.testing import Database, DatabaseWorker, EnqueuedTask, EnqueuedTasks, InlineTasks, captured
from lapinq.testing import database, inline, running_as, travel
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

queue = TaskQueue("http://127.0.0.1:8001", "video", timeout=5, api_key=None, default_ttl_seconds=60)
async_queue = AsyncTaskQueue(default_ttl_seconds=0.5)


@queue.task
def add(a: int, b: int = 0, *, label: str = "") -> int:
    return a + b


@queue.task("sums.sub", max_retries=0, retry_delay=1.5, scheduled_at=datetime(2026, 1, 1), metadata={"a": 1})
def sub(a: int, b: int) -> int:
    return a - b


@queue.task(priority=5)
@staticmethod
def mul(a: int, b: int) -> int:
    return a * b


@async_queue.task(name=None, ttl_seconds=0, webhook_url="https://example.org")
async def fetch(url: str) -> bytes:
    return url.encode()


@queue.cron("*/5 * * * *", tz="Europe/Madrid")
def refresh() -> int:
    return 1


@queue.every("15m", name="often", args=[1], jitter=2.5, starts_at=datetime(2026, 1, 1))
@async_queue.cron("@daily", name="daily", kwargs={"a": 1}, misfire="all", misfire_limit=5, overlap="skip")
@queue.task(priority=5)
async def planned(a: int, b: str = "") -> str:
    return b * a


class Mailer:
    @staticmethod
    @queue.task
    def send(to: str) -> None: ...


class Timing(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        print(task.id, task.attempt)
        return call()


layered = TaskQueue(middleware=[Timing(), StructuredLogging(), OpenTelemetry(link=True), Sentry()])
async_layered = AsyncTaskQueue(middleware=(Timing(),), typed=False)

site = FastAPI(lifespan=lifespan(queue, async_queue, worker=True, worker_queues=["video"]))
mount(site, "/tasks", queue, scheduler=True, database_url="postgresql://localhost/shop", api_key="secret")
in_flask = TaskQueue(middleware=[AppContext(Flask("shop")), AppContext(lambda: Flask("shop"))])


@layered.task(timeout=2.5, retry=[1, 2.5, 60], no_retry_for=KeyError)
def limited(a: int) -> str:
    me: CurrentTask = current_task()
    me.progress(50, "half")
    if me.cancelled:
        raise Cancel("enough")
    if a < 0:
        raise Snooze(5)
    return me.id


@async_layered.task(retry=Backoff(1, cap=60), no_retry_for=(KeyError, TimeLimit), max_retries=5)
async def alimited(a: int) -> str:
    return str(a)


steady: Task[[int], str] = layered.task("steady", retry=FixedDelay(5))(limited)
listed: Task[[int], str] = layered.task(retry=Delays((1, 2)), typed=True)(limited)
text: str = limited(1) + asyncio.run(alimited(1))
limited_ref: TaskRef = limited.options(timeout=1, priority=2).queue(1)

# What the function says, the task says.
total: int = add(1, 2, label="x") + sub(1, 2) + mul(1, 2)
page: bytes = asyncio.run(fetch("x"))
any_task: Task[[str], None] = Mailer.send
plain: Callable[[int, int], int] = sub
ref: TaskRef = add.queue(1, b=2)
identifier: str | None = ref.raise_for_status().task_id
result: dict[str, Any] = ref.wait(timeout=None, poll_interval=1)
state: str | None = ref.status()
entries: list[dict[str, Any]] = [add.entry(1), Mailer.send.entry("x")]
answer: httpx.Response = queue.batch_enqueue(entries)
batch: BatchRef = queue.batch_enqueue(entries)
in_session: TaskRef[int] = sub.using(Session()).options(priority=1).queue(1, 2)
in_transaction: BatchRef = queue.using(Session()).batch_enqueue(one for one in entries)
refs: list[TaskRef] = [batch[0], *batch[1:], *batch, TaskRef("id"), TaskRef(uuid4(), queue=queue)]
is_cancelled: bool = refs[0].cancel(running=True)
later: Any = queue.result("id", timeout=None)
summed: int = add.queue(1).result()
sums: TaskRef[int] = sub.options(priority=1).queue(1, 2)
product: int = mul.queue(2, 3).result(timeout=5)
body_of_fetched: bytes = fetch.queue("x").result()
planned_text: str = planned.queue(1).result()
refreshed: int = refresh.queue().result()
loose_task: Task[..., Any] = add
plain_task: Task[[str], Any] = fetch
unknown: Any = TaskRef("id").result()
lenient = TaskQueue(raise_errors=False)
keyed: TaskRef = sub.options(idempotency_key="order 17").queue(1, 2)
keyed_answer: httpx.Response = queue.batch_enqueue(entries, idempotency_key="orders")
value: Any = keyed.result(timeout=5)
name: str = add.task_name
urgent: TaskRef = sub.options(priority=9, scheduled_at="2026-01-01T00:00:00Z", queue_name=None).queue(1, 2)

fresh: Task[[], int] = refresh
fresh_value: int = refresh()
planned_ref: TaskRef = planned.queue(1, b="x")


def of_unknown_type(function: Any) -> None:
    # Said to be unknown, as strict mode does, but not said to be wrong.
    queue.task(function).queue(1)  # error: reportUnknownMemberType


async def main() -> None:
    one: TaskRef = await fetch.aqueue("x")
    two: TaskRef = await add.aqueue(1)
    await one.awaitait()
    await two.astatus()
    await two.aresult()
    many: httpx.Response = await async_queue.batch_enqueue([fetch.entry("x")])
    print((await (await fetch.aqueue("x"))).decode())
    print(sum(await asyncio.gather(await add.aqueue(1), add.queue(2))))
    async with AsyncSession() as session, await psycopg.AsyncConnection.connect("") as conn:
        _in_session: BatchRef = await queue.using(session).batch_enqueue(entries, idempotency_key="orders")
        _in_connection: BatchRef = await async_queue.using(conn).batch_enqueue(entries)
        _in_task: TaskRef[bytes] = await fetch.using(session).aqueue("x")
    each: BatchRef = await async_queue.batch_enqueue([fetch.entry("x")])
    values: list[Any] = [await each[0], *await asyncio.gather(*each), await async_queue.result("id")]
    values.append(await each[0].acancel())
    for completed in asyncio.as_completed(each):
        values.append(await completed)
    many.raise_for_status()
    await async_queue.close()


def retry() -> LapinqError:
    return RetryError(countdown=0.5, message="later")


def test_with(lapinq_captured: EnqueuedTasks, lapinq_inline: InlineTasks) -> None:
    found: list[EnqueuedTask] = lapinq_captured.assert_enqueued(add, args=[1], queue="video", times=1)
    failed: list[EnqueuedTask] = lapinq_inline.failed + [one for one in lapinq_inline] + found
    failed[0].attempts[0].progress.append((50, "half"))
    with captured() as tasks, inline(raise_failures=True) as ran, running_as(attempt=2) as task:
        tasks.assert_enqueued("add", kwargs={"a": 1})
        ran.raise_failures = False
        task.cancel()
        reported: list[tuple[int, str | None]] = task.reported
        print(reported)
        travel(5.5)
    with database() as private:
        DatabaseWorker(private, worker_concurrency=1).drain(timeout=5)
        given: Database = private
        url: str = given.url
        print(url)
        private.drain()  # error: reportAttributeAccessIssue, reportUnknownMemberType
    with captured() as tasks:
        tasks.assert_enqueued(5)  # error: reportArgumentType
        running_as(attempts=2)  # error: reportCallIssue
        travel()  # error: reportCallIssue


# What the function refuses, the task refuses.
mount("shop:app", "/tasks")  # error: reportArgumentType
mount(site, "/tasks", worker="yes")  # error: reportArgumentType
lifespan(add)  # error: reportArgumentType
AppContext("shop:app")  # error: reportArgumentType
add("1")  # error: reportArgumentType
add.queue("1")  # error: reportArgumentType
add.queue()  # error: reportCallIssue
add.queue(1, 2, 3)  # error: reportCallIssue
add.queue(1, other=2)  # error: reportCallIssue
add.queue(1, label=2)  # error: reportArgumentType
add.entry(None)  # error: reportArgumentType
sub.using(Session()).queue(1, "2")  # error: reportArgumentType
queue.using(Session()).batch_enqueue("x")  # error: reportArgumentType
sub.options(priority=1).queue(1, "2")  # error: reportArgumentType
sub.options(priority="1")  # error: reportArgumentType
sub.options(idempotency_key=17)  # error: reportArgumentType
sub.options(colour="red")  # error: reportCallIssue
mul.queue(1, "2")  # error: reportArgumentType
Mailer.send.queue(5)  # error: reportArgumentType
wrong: str = add(1)  # error: reportAssignmentType
queue.task(5)  # error: reportArgumentType, reportCallIssue
queue.task(priority="high")  # error: reportArgumentType
limited.queue("1")  # error: reportArgumentType
limited.options(timeout=1).queue()  # error: reportCallIssue
limited.options(timeout="1")  # error: reportArgumentType
limited.options(retry=[1])  # error: reportCallIssue
limited.options(typed=False)  # error: reportCallIssue
queue.task(typed="no")  # error: reportArgumentType
queue.task(retry=5)  # error: reportArgumentType
queue.task(no_retry_for=KeyError())  # error: reportArgumentType
refresh.queue(1)  # error: reportCallIssue
planned.queue("1")  # error: reportArgumentType
queue.cron(5)  # error: reportArgumentType
queue.cron("@daily", jitter="1")  # error: reportArgumentType
queue.cron("@daily", priority=5)  # error: reportCallIssue
queue.every("1h", tz="UTC")  # error: reportCallIssue
TaskQueue(middleware=[Timing])  # error: reportArgumentType


async def wrong_main() -> None:
    await fetch.aqueue(5)  # error: reportArgumentType
    add.queue(1).cancel(running="yes")  # error: reportArgumentType
    len(add.queue(1).result())  # error: reportArgumentType
    len(await add.queue(1))  # error: reportArgumentType
    fetch.aqueue("x")  # error: reportUnusedCoroutine
"""


def test_a_type_checker_marks_the_wrong_calls_and_only_those(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(SAMPLE)
    assert marked(tmp_path, "sample.py") == expected(SAMPLE)


def marked(directory: Path, file: str) -> dict[int, set[str]]:
    """The rules pyright names, by line."""
    (directory / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "include": [file]})
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pyright",
            "--outputjson",
            "--pythonpath",
            sys.executable,
            "-p",
            str(directory),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    lines: dict[int, set[str]] = {}
    for found in report["generalDiagnostics"]:
        lines.setdefault(found["range"]["start"]["line"] + 1, set()).add(found["rule"])
    return lines


def expected(sample: str) -> dict[int, set[str]]:
    marks = (
        (number, re.search(r"# error: (.+)", line)) for number, line in enumerate(sample.splitlines(), 1)
    )
    return {number: set(mark[1].split(", ")) for number, mark in marks if mark}
