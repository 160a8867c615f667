"""Durable tasks. What each does is written once, for plain code, where a call gives its value, and for coroutines.

They write down what they do in a journal, a line each.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

import lapinq
from lapinq import LeaseLost, TaskFailed, TaskQueue, WaitTimeout, current_task
from lapinq.errors import InvalidValue

queue = TaskQueue("http://127.0.0.1:1", "default")


class Kit(Protocol):
    """How to go on, in plain code and in coroutines."""

    async def get(self, called: Any) -> Any:
        """What a call gives."""
        ...

    async def get_all(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """What calls give that are in flight together."""
        ...


class _Plain:
    async def get(self, called: Any) -> Any:
        return called

    async def get_all(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        contexts = [contextvars.copy_context() for _ in calls]
        with ThreadPoolExecutor(len(calls)) as threads:
            runs = [threads.submit(one.run, call) for one, call in zip(contexts, calls, strict=True)]
            return [run.result() for run in runs]


class _Awaited:
    async def get(self, called: Any) -> Any:
        return await called

    async def get_all(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return await asyncio.gather(*(call() for call in calls))


@dataclass
class Receipt:
    number: int


class Diary:
    """The journal of one task."""

    def __init__(self, path: str) -> None:
        self._path = path

    def did(self, what: str) -> str:
        with Path(self._path).open("a") as file:
            file.write(f"{what}\n")
        return what

    async def adid(self, what: str) -> str:
        await asyncio.sleep(0)
        return self.did(what)

    def charge(self, number: int) -> Receipt:
        self.did(f"charge {number}")
        return Receipt(number)


def fail_before(attempt: int) -> None:
    if current_task().attempt < attempt:
        raise RuntimeError(f"attempt {current_task().attempt}")


async def steps_once(kit: Kit, diary: Diary) -> Any:
    task = current_task()
    receipts = [await kit.get(task.step("charge", diary.charge, number)) for number in (1, 2)]
    fail_before(2)
    last = await kit.get(task.step("ship", diary.adid, "ship"))
    fail_before(3)
    return [*(receipt.number for receipt in receipts), last]


async def sleeps(kit: Kit, diary: Diary) -> Any:
    task = current_task()
    await kit.get(task.step("before", diary.did, "before"))
    await kit.get(task.sleep(0.01))
    await kit.get(task.step("between", diary.did, "between"))
    await kit.get(task.sleep_until(lapinq_now()))
    return task.attempt


def lapinq_now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


async def signals(kit: Kit, diary: Diary) -> Any:
    task = current_task()
    early = await kit.get(task.wait_for_signal("early"))
    diary.did("waits")
    first = await kit.get(task.wait_for_any("yes", "no", timeout=3600))
    return [early, first.name, first.value]


async def timeouts(kit: Kit, diary: Diary) -> Any:
    try:
        await kit.get(current_task().wait_for_signal("never", timeout=0.01))
    except WaitTimeout as error:
        diary.did(str(error))
    fail_before(3)
    return "over"


async def waits_for_tasks(kit: Kit, diary: Diary, failed: str, deleted: str) -> Any:
    task = current_task()
    refs = [await kit.get(task.spawn(double, number)) for number in (3, 4)]
    found = [await kit.get(task.wait_for_task(ref)) for ref in refs]
    for other in (failed, deleted):
        try:
            await kit.get(task.wait_for_task(other))
        except TaskFailed as error:
            found.append(error.status)
    return found


async def together(kit: Kit, diary: Diary) -> Any:
    task = current_task()

    def call(number: int) -> Callable[[], Any]:
        return lambda: task.step("page", diary.did, str(number), key=str(number))

    pages = await kit.get_all([call(number) for number in range(3)])
    fail_before(2)
    return pages


async def same_name(kit: Kit, diary: Diary) -> Any:
    task = current_task()

    def outer() -> str:
        try:
            inner = task.step("one", diary.did, "inner")
        except InvalidValue as error:
            return str(error)
        return inner

    return await kit.get(task.step("one", outer))


async def other_kind(kit: Kit, diary: Diary) -> Any:
    task = current_task()
    if task.attempt == 1:
        await kit.get(task.step("sleep", diary.did, "stored"))
        raise RuntimeError("again")
    await kit.get(task.sleep(1))


async def too_large(kit: Kit, diary: Diary) -> Any:
    return await kit.get(current_task().step("page", lambda: "x" * 5000))


async def too_many(kit: Kit, diary: Diary) -> Any:
    """10,000 of its steps are stored."""
    task = current_task()
    assert await kit.get(task.step("page", diary.did, "not again")) == 1
    await kit.get(task.step("more", diary.did, "one too many"))


async def uncaught(kit: Kit, diary: Diary) -> Any:
    task = current_task()
    try:
        await kit.get(task.wait_for_signal("go"))
    except Exception:  # noqa: BLE001  # that is what the test is about
        diary.did("caught")
    finally:
        diary.did("finally")
    return "done"


async def waits_in_step(kit: Kit, diary: Diary) -> Any:
    task = current_task()

    def wait() -> str:
        try:
            task.sleep(1)
        except InvalidValue as error:
            return str(error)
        return "waited"

    return await kit.get(task.step("outer", wait))


async def loses_its_claim(kit: Kit, diary: Diary, gate: str) -> Any:
    def slow() -> str:
        Path(f"{gate}.begun").touch()
        while not Path(gate).exists():
            time.sleep(0.01)
        return "stored?"

    try:
        await kit.get(current_task().step("slow", slow))
    except LeaseLost:
        diary.did("lost")
        raise


@lapinq.step
def pay(path: str, amount: int) -> Receipt:
    return Diary(path).charge(amount)


@lapinq.step(name="send")
async def asend(path: str) -> str:
    return await Diary(path).adid("send")


async def decorated(kit: Kit, diary: Diary, path: str) -> Any:
    receipt = await kit.get(pay(path, 5))
    sent = await asend(path) if isinstance(kit, _Awaited) else await kit.get(asyncio.run(asend(path)))
    fail_before(2)
    return [receipt.number, sent]


async def in_transaction(kit: Kit, diary: Diary, url: str) -> Any:
    """Books twice: the first transaction is rolled back."""
    task = current_task()

    def book(conn: psycopg.Connection, number: int) -> int:
        conn.execute("INSERT INTO booked VALUES (%s)", (number,))
        return number

    with psycopg.connect(url) as conn:
        found = await kit.get(task.using(conn).step("book", book, conn, task.attempt))
        if task.attempt == 1:
            conn.rollback()
    fail_before(3)
    return found


async def in_async_transaction(kit: Kit, diary: Diary, url: str) -> Any:
    """The same, on a connection for coroutines."""
    task = current_task()

    async def book(conn: psycopg.AsyncConnection, number: int) -> int:
        await conn.execute("INSERT INTO booked VALUES (%s)", (number,))
        return number

    async with await psycopg.AsyncConnection.connect(url) as conn:
        found = await task.using(conn).step("book", book, conn, task.attempt)
        if task.attempt == 1:
            await conn.rollback()
    fail_before(3)
    return found


async def asks(kit: Kit, diary: Diary) -> Any:
    """Makes links in steps and outside of them; the second attempt those outside again."""
    del diary
    task = current_task()

    def ask() -> str:
        return task.signal_url("approve", title="In a step")

    async def aask() -> str:
        made: Any = task.signal_url("approve")
        return await made

    links = [await kit.get(task.step("ask", ask)), await kit.get(task.step("aask", aask))]
    links += [await kit.get(task.signal_url("approve")) for _ in range(2)]
    fail_before(2)
    assert len(set(links)) == len(links)
    return sorted({link.partition("?")[0] for link in links})


SCENARIOS: dict[str, Callable[..., Awaitable[Any]]] = {
    each.__name__: each
    for each in (
        *(steps_once, sleeps, signals, timeouts, waits_for_tasks, together, same_name, other_kind, too_large),
        *(
            too_many,
            uncaught,
            waits_in_step,
            loses_its_claim,
            asks,
            decorated,
            in_transaction,
            in_async_transaction,
        ),
    )
}


@queue.task
def double(number: int) -> int:
    return number * 2


@queue.task
def fail() -> None:
    raise RuntimeError("no")


@queue.task
def plain(scenario: str, journal: str, *args: Any) -> Any:
    steps: Any = SCENARIOS[scenario](_Plain(), Diary(journal), *args)
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@queue.task
async def coroutine(scenario: str, journal: str, *args: Any) -> Any:
    return await SCENARIOS[scenario](_Awaited(), Diary(journal), *args)


@queue.task(version="2")
def second_version() -> Any:
    return current_task().step("a", lambda: "ran")
