"""Code of a user, as pyright and mypy see it: each wrong call is marked as one, with the rule that it breaks.

`./scripts/check` runs both in strict mode. They also complain of a mark where nothing is wrong.
"""

# ruff: noqa: B018, C416, DTZ001, PERF401

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from fastapi import FastAPI
from flask import Flask
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from lapinq import (
    AsyncCurrentTask,
    AsyncTaskQueue,
    AsyncWorkflow,
    Backoff,
    BatchRef,
    Cancel,
    CurrentTask,
    Delays,
    FixedDelay,
    LapinqError,
    Middleware,
    Node,
    Progress,
    RateLimited,
    RetryError,
    Snooze,
    Task,
    TaskFilter,
    TaskQueue,
    TaskRef,
    TimeLimit,
    WaitTimeout,
    Webhook,
    Workflow,
    WorkflowRef,
    current_task,
    step,
    verify_webhook,
)
from lapinq import aio as lapinq_aio
from lapinq.contrib.django import database_url
from lapinq.contrib.flask import AppContext
from lapinq.contrib.starlette import lifespan, mount
from lapinq.errors import (
    InvalidValue,
    LeaseLost,
    NoTask,
    NotEnqueued,
    NotPersisted,
    RequestRefused,
    ResultTimeout,
    ServerUnavailable,
    StepRefused,
    TaskFailed,
    TaskNotImportable,
    TypeMismatch,
    WebhookRefused,
)
from lapinq.middleware.logging import StructuredLogging
from lapinq.middleware.opentelemetry import OpenTelemetry
from lapinq.middleware.sentry import Sentry
from lapinq.server import create_app
from lapinq.testing import (
    Attempt,
    Database,
    DatabaseWorker,
    EnqueuedTask,
    EnqueuedTasks,
    InlineTasks,
    RunningTask,
    captured,
    crash_everywhere,
    database,
    inline,
    running_as,
    sign_webhook,
    travel,
)

queue = TaskQueue("http://127.0.0.1:8001", "video", timeout=5, api_key=None, default_ttl_seconds=60)
async_queue = AsyncTaskQueue(default_ttl_seconds=0.5)


@queue.task
def add(a: int, b: int = 0, *, label: str = "") -> int:
    return a + b


@queue.task(
    "sums.sub",
    max_retries=0,
    retry_delay=1.5,
    scheduled_at=datetime(2026, 1, 1, tzinfo=UTC),
    metadata={"a": 1},
)
def sub(a: int, b: int) -> int:
    return a - b


class Sums:
    @queue.task(priority=5)
    @staticmethod
    def mul(a: int, b: int) -> int:
        return a * b


mul = Sums.mul


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


queue.limit("mailer", rate="60/m")
async_queue.limit("gpu", max_running=1)
queue.policy("imports", max_running=20, order="fair", weights={"gold": 3}, breaker={"failure_share": 0.5})
queue.breaker(planned, failures_in_row=5)
queue.breaker("send", failure_share=0.5)


class Mailer:
    @staticmethod
    @queue.task
    def send(to: str) -> None: ...


class Timing(Middleware):
    def enqueue(self, entries: list[dict[str, Any]], send: Callable[[list[dict[str, Any]]], Any]) -> Any:
        return send(entries)

    async def aenqueue(self, entries: list[dict[str, Any]], send: Callable[..., Awaitable[Any]]) -> Any:
        return await send(entries)

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        print(task.id, task.attempt)
        return call()


layered = TaskQueue(middleware=[Timing(), StructuredLogging(), OpenTelemetry(link=True), Sentry()])


@queue.task(key=lambda order_id, *_: f"order:{order_id}", limits={"openai": 1200})
def summarize(order_id: int, note: str = "") -> int:
    return order_id


def tenant_of(order_id: int, *_: object) -> str | None:
    return f"tenant:{order_id}" if order_id else None


def shares_of(order_id: int, *_: object) -> dict[str, int]:
    return {"openai": order_id}


summarize.options(key="acme", limits=lambda order_id, *_: {"openai": order_id, "gpu": 1}).queue(1)
summarize.options(key=tenant_of, limits=shares_of).queue(1)
summarize.options(key=None, limits=None).queue(1)
queue.task(key=7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
summarize.options(key=lambda _: 7)  # type: ignore[misc, arg-type]  # pyright: ignore[reportArgumentType]


@queue.task(unique=lambda order_id, *_: f"invoice:{order_id}")
def invoice(order_id: int, note: str = "") -> int:
    return order_id


@queue.task(debounce={"key": lambda page: f"page:{page}", "delay": 5, "max_wait": 60})
def reindex(page: int) -> None: ...


def key_of(order_id: int) -> str | None:
    return f"invoice:{order_id}" if order_id else None


invoice.options(unique="fixed").queue(1).existing
invoice.options(unique={"key": key_of, "until": "started", "on_conflict": "replace"}).queue(1).replaced
invoice.options(unique={"key": "k", "until": 3600}, debounce=None)
reindex.options(unique=key_of, debounce=None)
reindex.options(key=lambda: "all", unique=lambda: "all", limits=lambda: {"gpu": 1}, debounce=None)
queue.task(unique=7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
invoice.options(unique={"key": "k", "until": "ended"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
invoice.options(debounce={"key": "k"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

async_layered = AsyncTaskQueue(middleware=(Timing(),), typed=False)

logging.StreamHandler().addFilter(TaskFilter(outside="-"))

site = FastAPI(lifespan=lifespan(queue, async_queue, worker=True, worker_queues=["video"]))
mount(site, "/tasks", queue, scheduler=True, database_url="postgresql://localhost/shop", api_key="secret")
in_flask = TaskQueue(middleware=[AppContext(Flask("shop")), AppContext(lambda: Flask("shop"))])


@layered.task(timeout=2.5, retry=[1, 2.5, 60], retry_for=LookupError, no_retry_for=KeyError)
def limited(a: int) -> str:
    me: CurrentTask = current_task()
    me.progress(50, "half")
    me.spend("openai", 850)
    me.log.info("attempt %s of %s in %s", me.attempt, me.max_retries, me.module_path)
    due: list[datetime | None] = [me.enqueued_at, me.deadline]
    facts: tuple[int, str | None, bool, Any, list[datetime | None]] = (
        me.claim_seq,
        me.request_id,
        me.lease_lost,
        me.metadata["a"],
        due,
    )
    with me.transaction(result=facts) as conn:
        conn.execute("SELECT 1")
    if me.workflow is not None:
        more: TaskRef[int] = me.workflow.add(add.options(after=["load"], ref="more"), 1, label="x")
        me.workflow.add(add, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        me.workflow.add(key_of, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
        print(me.workflow.id, more.task_id)
    if me.cancelled:
        raise Cancel("enough")
    if a < 0:
        raise Snooze(5)
    if a > 9:
        raise RateLimited("openai", after=5)
    return me.id


@async_layered.task(retry=Backoff(1, cap=60), no_retry_for=(KeyError, TimeLimit), max_retries=5)
async def alimited(a: int) -> str:
    workflow = current_task().workflow
    if workflow is not None:
        more: TaskRef[int] = await workflow.add(add, 1)
        print(await more)
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
delayed: TaskRef[int] = add.options(delay=5, countdown=None).options(delay=timedelta(minutes=1)).queue(1)
urgent: TaskRef = sub.options(priority=9, scheduled_at="2026-01-01T00:00:00Z", queue_name=None).queue(1, 2)

fresh: Task[[], int] = refresh
fresh_value: int = refresh()
planned_ref: TaskRef = planned.queue(1, b="x")


def of_unknown_type(function: Any) -> None:
    # Said to be unknown, as strict mode does, but not said to be wrong.
    queue.task(function).queue(1)  # pyright: ignore[reportUnknownMemberType]


answered: tuple[int, Any, httpx.Response] = (ref.status_code, ref.json(), ref.response)
app: Starlette = create_app("postgresql://localhost/shop", worker=True, scheduler=True)
address: str = database_url("default")


def try_it() -> None:
    try:
        add.queue(1).result()
    except RequestRefused as error:
        print(error.status_code + 1, error.error.upper(), error.details)
    except ServerUnavailable as error:
        print(error.may_have_arrived is True)
    except (
        ResultTimeout,
        TaskNotImportable,
        TypeMismatch,
        WebhookRefused,
        NoTask,
        NotEnqueued,
        NotPersisted,
        LeaseLost,
        StepRefused,
        InvalidValue,
        WaitTimeout,
    ) as error:
        base: LapinqError = error
        print(base)
    except TaskFailed as error:
        print(error.nothing)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


@dataclass
class Report:
    pages: list[str]
    sum: int


@queue.task
def load(page: int, size: int = 100, *, label: str = "") -> str:
    return label * page * size


@queue.task
def join(pages: list[str], sums: dict[str, int]) -> Report:
    return Report(pages, sum(sums.values()))


@async_queue.task
async def publish(report: Report, outcome: dict[str, Any] | None = None) -> None: ...


@queue.task
def count(numbers: list[int]) -> int:
    return len(numbers)


with queue.workflow("report", metadata={"day": "Monday"}) as flow:
    built: Workflow = flow
    first: Node[int] = flow.add(add, 1, b=2)
    second = flow.add(count, [first, first])
    pages = flow.map(load, [1, 2, 3])
    joined = flow.add(join.options(ref="join"), [first, *pages], {"sum": second})
    flow.add(join, pages, sums={})
    flow.map(load, [first, second])
    flow.map(load, flow.map(add, [1, 2]))
    told = flow.add(
        publish.options(after=[*pages, joined], after_failure="run"), joined, flow.outcome(second)
    )
    flow.add(publish, Report([pages[0]], second))
    flow.add(publish.options(after=["join"]), flow.add(summarize, 1))
    flow.add(count, flow.map(load, [1]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flow.add(count, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flow.add(count)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flow.map(load, ["x"])  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    flow.add(publish.options(after_failure="ignore"), joined)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flow.add(key_of, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    queue.workflow()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

second_ref: TaskRef[int] = second.ref
report: Report = joined.ref.result(timeout=5)
page_refs: list[TaskRef[str]] = [one.ref for one in pages] + [pages[0].ref]
told_ref: TaskRef[None] = told.ref
workflow_id: str = flow.id
workflow_ref: WorkflowRef = flow.ref
workflow_state: str | None = WorkflowRef(workflow_id, queue=queue).status()
ended_workflow: dict[str, Any] = workflow_ref.wait(timeout=None)
found_workflow: dict[str, Any] | None = workflow_ref.get(tasks=False)
is_cancelled = workflow_ref.cancel()
workflow_ref.retry()

with queue.using(Session()).workflow("report") as flow:
    flow.add(add, 1)


async def workflows() -> None:
    async with async_queue.workflow("report") as flow, AsyncSession() as session:
        building: AsyncWorkflow = flow
        one = building.add(fetch, "x")
        flow.add(load, len(one.ref.task_id or ""))
        async with queue.using(session).workflow("report") as other:
            other.add(fetch, "x")
    body: bytes = await one.ref
    ended: dict[str, Any] = await flow.ref.awaitait()
    print(body, ended, await flow.ref.astatus(), await flow.ref.acancel(), await flow.ref.aget())
    await flow.ref.aretry()
    with async_queue.workflow("report"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


async def main() -> None:
    one: TaskRef = await fetch.aqueue("x")
    two: TaskRef = await add.aqueue(1)
    await one.awaitait()
    await two.astatus()
    how_far: Progress | None = await two.aprogress()
    print(how_far.percent if how_far else None)
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


def receive(body: bytes, headers: dict[str, str], handled: set[str]) -> str:
    webhook: Webhook = verify_webhook(body, headers, ["whsec_a", "whsec_b"], seen=handled)
    verify_webhook("text", headers, "whsec_a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    signed: dict[str, str] = sign_webhook(body, "whsec_a", event_id="e1", sent_at=0.0)
    sign_webhook("text", "whsec_a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return webhook.id + signed["webhook-id"]


def retry() -> LapinqError:
    return RetryError(countdown=0.5, message="later")


def test_with(lapinq_captured: EnqueuedTasks, lapinq_inline: InlineTasks) -> None:
    found: list[EnqueuedTask] = lapinq_captured.assert_enqueued(add, args=[1], queue="video", times=1)
    failed: list[EnqueuedTask] = lapinq_inline.failed + [one for one in lapinq_inline] + found
    failed[0].attempts[0].progress.append((50, "half"))
    with captured() as tasks, inline(raise_failures=True) as ran, running_as(attempt=2) as task:
        tasks.assert_enqueued("add", kwargs={"a": 1})
        tasks.clear()
        attempts: list[Attempt] = ran[0].attempts
        running: RunningTask = task
        running.lose_lease()
        print(attempts)
        ran.raise_failures = False
        task.cancel()
        reported: list[tuple[int, str | None]] = task.reported
        print(reported)
        travel(5.5)
        ran.signal(ran[0], "approved", {"by": "Eva"})
        task.signal("approved")
        spawned: EnqueuedTasks = task.spawned
        crashed: EnqueuedTask = crash_everywhere(add, 1, signals={"approved": True}, label="a")
        crash_everywhere(add, 1, signals=lambda names: dict.fromkeys(names[:1]))
        print(spawned, crashed)
    with database() as private:
        DatabaseWorker(private, worker_concurrency=1).drain(timeout=5)
        asyncio.run(DatabaseWorker(private).adrain(timeout=5))
        private.travel(5)
        given: Database = private
        url: str = given.url
        print(url)
        private.drain()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    with captured() as tasks:
        tasks.assert_enqueued(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        running_as(attempts=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        crash_everywhere(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        crash_everywhere(add, signals=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        travel()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# What the function refuses, the task refuses.
create_app(worker="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
database_url(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TaskQueue(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TaskQueue(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
mount("shop:app", "/tasks")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
lifespan(add)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AppContext("shop:app")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.queue("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.queue()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
add.queue(1, 2, 3)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
add.queue(1, other=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
sub.using(Session()).queue(1, "2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.using(Session()).batch_enqueue("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
sub.options(priority="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
sub.options(idempotency_key=17)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
sub.options(colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
mul.queue(1, "2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Mailer.send.queue(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
wrong: str = add(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
queue.task(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
limited.options(timeout="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
limited.options(retry=[1])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
queue.task(typed="no")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
queue.task(retry=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
queue.task(no_retry_for=KeyError())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
planned.queue("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.limit("mailer", rate=60)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.policy(order="fifo")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.breaker("send", failures=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
queue.cron(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.cron("@daily", jitter="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
queue.every("1h", tz="UTC")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
TaskQueue(middleware=[Timing])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


async def wrong_main() -> None:
    await fetch.aqueue(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.queue(1).cancel(running="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    len(add.queue(1).result())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    len(await add.queue(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fetch.aqueue("x")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


@dataclass
class Receipt:
    number: int


def charge(order: int) -> Receipt:
    return Receipt(order)


async def acharge(order: int) -> Receipt:
    return Receipt(order)


@step
def pay(order: int) -> Receipt:
    return Receipt(order)


@step(name="ship")
async def ship(order: int) -> str:
    return str(order)


paid: Receipt = pay(1)
shipped: str = asyncio.run(ship(1))
pay("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@queue.task(version="2")
def durable(order: int) -> int:
    task = current_task()
    receipt: Receipt = task.step("charge", charge, order, key="a")
    stored: Receipt = task.using(Session()).step("charge", charge, order)
    task.sleep(5)
    task.sleep_until(datetime(2026, 1, 1, tzinfo=UTC))
    try:
        value: Any = task.wait_for_signal("go", timeout=5)
    except WaitTimeout:
        value = None
    first = task.wait_for_any("yes", "no")
    ref: TaskRef[int] = task.spawn(add, 1, b=2)
    total: int = task.wait_for_task(ref, timeout=5)
    other: Any = task.wait_for_task("id")
    task.spawn(add, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task.spawn(key_of, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    print(receipt, stored, value, other, first.name.upper(), first.value)
    return total


@async_queue.task(version="2")
async def adurable(order: int) -> int:
    task: AsyncCurrentTask = lapinq_aio.current_task()
    same: CurrentTask = task
    receipts: tuple[Receipt, Receipt] = await asyncio.gather(
        task.step("charge", charge, order, key="a"), task.step("charge", acharge, order, key="b")
    )
    stored: Receipt = await task.using(AsyncSession()).step("charge", charge, order)
    await task.sleep(5)
    await task.sleep_until(datetime(2026, 1, 1, tzinfo=UTC))
    value: Any = await task.wait_for_signal("go", timeout=5)
    first = await task.wait_for_any("yes", "no")
    link: str = await task.signal_url("yes", title="Go?", expires=60)
    ref: TaskRef[int] = await task.spawn(add, 1, b=2)
    total: int = await task.wait_for_task(ref, timeout=5)
    print(receipts, stored, value, same.id, link, first.name.upper(), await ship(1))
    return total


def steer(ref: TaskRef[int], connection: Session) -> None:
    ref.signal("go", {"by": "Eva"})
    queue.signal("id", "go")
    queue.using(connection).signal("id", "go", [1])
    found: list[dict[str, Any]] = ref.steps()
    print(found)


async def asteer(ref: TaskRef[int], connection: AsyncSession) -> None:
    await ref.asignal("go", {"by": "Eva"})
    await async_queue.signal("id", "go")
    await queue.using(connection).signal("id", "go", [1])
    found: list[dict[str, Any]] = await ref.asteps()
    print(found)


queue.task(version=2)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
