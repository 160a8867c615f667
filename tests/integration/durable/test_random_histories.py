"""Random histories of durable tasks, checked against a small model after each event."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from psycopg.errors import SerializationFailure

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.tasks.decide import Complete, Fail, Next, Release, Retry, decide
from lapinq_core.domain.tasks.durable.messages import Answer, Load, Store
from lapinq_core.domain.tasks.outcome import Completed, Outcome, Raised, Suspended
from lapinq_core.durable import steps
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.durable.history import (
    SIGNALS,
    Attempt,
    Modelled,
    Place,
    Sent,
    first_of,
    note_answer,
    random_script,
    turns,
    what_it_raised,
)
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue, make_late
from tests.support.rows.rescue import rescue_all
from tests.support.rows.schedules import set_clock
from tests.support.rows.walks import one_step
from tests.support.seeds import seeds

EVENTS = 60
LONGEST = 3_000
START = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNTIL_WOKEN = datetime(8000, 1, 1, tzinfo=UTC)
LEASE = 1e8
"""Far more than any jump of the clock."""

_PLACES = """
SELECT id::text, 'ready', NULL, starts FROM lapinq_ready
UNION ALL SELECT id::text, 'delayed', due_at, starts FROM lapinq_delayed
UNION ALL SELECT id::text, 'running', NULL, attempt - 1 FROM lapinq_running
"""
_SIGNALS = "SELECT task_id::text, name, result FROM lapinq_steps WHERE kind = 'sent' ORDER BY occurrence"


class Pending(msgspec.Struct):
    """A transaction that is open: what it does to the model once it commits, and the tasks whose rows it holds."""

    conn: Conn
    commits: Callable[[], None]
    undone: Callable[[], None] = lambda: None
    held: set[str] = set()


class History:
    """`conn` does what happens at once, each of the others has a transaction open now and then."""

    def __init__(self, conns: list[Conn], seed: int) -> None:
        self.conn, *self.free = conns
        self.rand = random.Random(seed)
        self.tasks: dict[str, Modelled] = {}
        self.attempts: list[Attempt] = []
        self.pending: list[Pending] = []
        self.now = START
        self.numbers = count()
        self.told: list[str] = []
        self.has_requeued = False

    async def run(self) -> None:
        await set_clock(self.conn, self.now.isoformat())
        for _ in range(self.rand.randint(1, 4)):
            await self.enqueue_one()
        ways: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (1, self.enqueue_one),
            (14, self.claim_one),
            (30, self.answer_some),
            (12, self.settle_one),
            (5, self.settle_in_a_transaction),
            (10, self.signal_one),
            (6, self.signal_in_a_transaction),
            (8, self.commit_one),
            (2, self.roll_back_one),
            (6, self.promote),
            (6, self.move_clock),
            (3, self.lose_a_worker),
            (3, self.run_now),
            (3, self.requeue_one),
            (1, self.cancel_one),
            (1, self.ask_to_stop),
            (1, self.expire_one),
            (1, self.delete_one),
        ]
        weights = [weight for weight, _ in ways]
        await self.check()
        for _ in range(EVENTS):
            [(_, way)] = self.rand.choices(ways, weights)
            await self.do(way)
        await self.finish()

    async def do(self, way: Callable[[], Awaitable[None]]) -> None:
        self.told.append(way.__name__)
        await way()
        await turns()
        await self.check()

    async def finish(self) -> None:
        """Whatever was begun comes to its end, if signals come and time passes."""
        for _ in range(LONGEST):
            if all(task.has_ended for task in self.tasks.values()):
                break
            await self.do(self.go_on())
        else:
            raise AssertionError("it does not come to its end")
        for task in self.tasks.values():
            if task.status == "completed":
                assert not task.waits
                assert all(task.runs[place] >= 1 for place in task.stored)

    def go_on(self) -> Callable[[], Awaitable[None]]:
        """What is possible next."""
        if self.pending:
            return self.commit_one
        if any(attempt.asked for attempt in self.attempts):
            return self.answer_some
        if any(self.is_to_settle(attempt) for attempt in self.attempts):
            return self.settle_one
        if self.at("ready"):
            return self.claim_one
        if any(task.place.due is None or task.place.due <= self.now for task in self.at("delayed")):
            return self.promote
        if self.at("running"):
            return self.lose_a_worker
        return self.rand.choice([self.move_clock, self.signal_one])

    # --- what happens ---

    async def enqueue_one(self) -> None:
        if len(self.tasks) >= 5:
            return
        tells = self.rand.random() < 0.7
        [task_id] = new_ids(1, 8) if tells else [new_id()]
        script = random_script(self.rand, [*self.tasks], f"s{len(self.tasks)}.")
        retries = {"max_retries": self.rand.choice([1, 3]), "retry_backoff": False}
        await enqueue(self.conn, id=task_id, retry_delay=self.rand.choice([0.0, 40.0]), **retries)
        self.tasks[task_id] = Modelled(task_id, script, tells_its_end=tells)

    async def claim_one(self) -> None:
        worker = await add_worker(self.conn, concurrency=100)
        for held in await claim(self.conn, worker, 1, lease=LEASE):
            task = self.tasks[held.id]
            assert task.place.table == "ready"
            assert held.attempt == task.starts + 1
            task.place, task.status, task.is_suspended, task.token = (
                Place("running"),
                "running",
                False,
                held.token,
            )
            self.attempts.append(Attempt(task, held, worker))

    async def answer_some(self) -> None:
        """Requests of one kind, as a worker answers them. Now and then it dies before it has passed on the answer."""
        ready = [one for one in self.attempts if one.asked and not self.is_held(one.task)]
        if not ready:
            return
        kind = type(self.rand.choice(ready).asked[0][0])
        chosen = [one for one in ready if type(one.asked[0][0]) is kind]
        chosen = sorted(
            self.rand.sample(chosen, self.rand.randint(1, len(chosen))), key=lambda one: one.claim.id
        )
        asked = [one.asked.pop(0) for one in chosen]
        verb: Any = steps.load if kind is Load else steps.store if kind is Store else steps.wait
        answers: list[Answer] = await verb(
            self.conn, [(one.held, request) for one, (request, _) in zip(chosen, asked, strict=True)]
        )
        for one, (request, future), answer in zip(chosen, asked, answers, strict=True):
            note_answer(self.tasks, one, request, answer, self.now)
            if self.rand.random() < 0.03:
                one.crash()
            elif not future.done():
                future.set_result(answer)

    async def settle_one(self) -> None:
        if attempt := self.one_of([one for one in self.attempts if self.is_to_settle(one)]):
            following = self.following(attempt)
            ours = await self.settle(self.conn, attempt, following)
            self.settled(attempt, following, ours, self.now)

    async def settle_in_a_transaction(self) -> None:
        attempt = self.one_of([one for one in self.attempts if self.is_to_settle(one)])
        if attempt is None or not self.free:
            return
        conn = self.free.pop()
        await conn.execute("BEGIN")
        following = self.following(attempt)
        ours, then = await self.settle(conn, attempt, following), self.now
        self.pending.append(
            Pending(conn, lambda: self.settled(attempt, following, ours, then), held={attempt.task.id})
        )

    async def signal_one(self) -> None:
        if task := self.one_of([*self.tasks.values()]):
            sent = self.new_signal()
            said = await steps.signal(self.conn, task.id, sent.name, sent.value)
            assert said == ("unknown" if task.status == "gone" else "ended" if task.has_ended else "sent")
            if said == "sent":
                self.came(task, sent)

    async def signal_in_a_transaction(self) -> None:
        """One or several, perhaps on a snapshot from before what others commit meanwhile."""
        if not self.free:
            return
        conn = self.free.pop()
        is_strict = self.rand.random() < 0.5
        await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if is_strict else "BEGIN")
        await conn.execute("SELECT count(*) FROM lapinq_delayed")
        sent: list[tuple[Modelled, Sent]] = []

        async def send() -> None:
            for task in self.some_of([*self.tasks.values()]):
                signal = self.new_signal()
                if await steps.signal(conn, task.id, signal.name, signal.value) == "sent":
                    sent.append((task, signal))

        await send()

        def commits() -> None:
            for task, signal in sent:
                self.came(task, signal)

        self.pending.append(Pending(conn, commits))

    async def commit_one(self) -> None:
        """In any order."""
        if one := self.one_of(self.pending):
            self.pending.remove(one)
            try:
                await one.conn.execute("COMMIT")
            except SerializationFailure:
                await one.conn.execute("ROLLBACK")
            else:
                one.commits()
            self.free.append(one.conn)

    async def roll_back_one(self) -> None:
        if one := self.one_of(self.pending):
            self.pending.remove(one)
            await one.conn.execute("ROLLBACK")
            self.free.append(one.conn)

    async def promote(self) -> None:
        await maintenance_jobs.promote(self.conn)
        for task in self.at("delayed"):
            if task.place.due is None:
                await self.look_where(task)
            elif task.place.due <= self.now:
                task.place = Place("ready")

    async def move_clock(self) -> None:
        """To when something is due, or anywhere, back too."""
        dues = [due for task in self.tasks.values() if (due := task.place.due) and due > self.now]
        if dues and self.rand.random() < 0.6:
            due = min(dues)
            self.now = due if due < UNTIL_WOKEN else self.now
        else:
            self.now += timedelta(seconds=self.rand.choice([1, 10, 500, 8000, -1, -100, -4000]))
        await self.conn.execute("UPDATE lapinq_test_clock SET now = %s", (self.now,))

    async def lose_a_worker(self) -> None:
        """It may live on and not know that it is lost."""
        running = [one for one in self.attempts if not one.is_stale and not self.is_held(one.task)]
        if attempt := self.one_of(running):
            await self.conn.execute("UPDATE lapinq_workers SET beat_at = lapinq_now()")
            await make_late(self.conn, attempt.worker)
            assert [*await rescue_all(self.conn)] == [attempt.task.id]
            if self.rand.random() < 0.5:
                attempt.crash()
            task = attempt.task
            task.starts, task.token = attempt.claim.attempt, ""
            if await self.status(task) == "pending":
                task.status = "pending"
                await self.look_where(task)
            else:
                self.ended(task, await self.status(task))

    async def run_now(self) -> None:
        if task := self.one_of([one for one in self.at("delayed") if not self.is_held(one)]):
            assert await actions.run_now(self.conn, task.id)
            task.place = Place("ready")

    async def requeue_one(self) -> None:
        failed = [task for task in self.tasks.values() if task.status == "failed"]
        if task := self.one_of(failed):
            async with self.conn.transaction():
                assert await actions.requeue(self.conn, task.id, by="lisa")
            self.has_requeued = True
            task.status, task.place, task.starts, task.is_to_stop = "pending", Place("ready"), 0, False

    async def cancel_one(self) -> None:
        if task := self.one_of([*self.at("ready"), *self.at("delayed")]):
            assert await actions.cancel(self.conn, task.id)
            self.ended(task, "cancelled")

    async def ask_to_stop(self) -> None:
        """However its attempt ends, it is cancelled; unless it completes."""
        running = [task for task in self.at("running") if not self.is_held(task)]
        if task := self.one_of(running):
            assert await actions.request_cancel(self.conn, task.id)
            task.is_to_stop = True

    async def expire_one(self) -> None:
        if task := self.one_of([*self.at("ready"), *self.at("delayed")]):
            for table in ("lapinq_ready", "lapinq_delayed"):
                await self.conn.execute(
                    f"UPDATE {table} SET expires_at = lapinq_now() WHERE id = %s", (task.id,)
                )
            assert await maintenance_jobs.expire(self.conn) == 1
            self.ended(task, "expired")

    async def delete_one(self) -> None:
        if task := self.one_of([one for one in self.tasks.values() if one.status not in {"running", "gone"}]):
            step = await one_step(self.conn, bulk.delete_tasks, first=task.id, last=task.id)
            if (
                step.done
            ):  # not one from the future, after the clock went back, nor one to which a signal is being sent
                self.ended(task, "gone")

    # --- what follows from it ---

    def following(self, attempt: Attempt) -> Next:
        outcome = attempt.function.result()
        found: Outcome
        match what_it_raised(outcome):
            case "completed":
                found = Completed(msgspec.json.encode(outcome).decode())
            case "suspended":
                found = Suspended(str(outcome))
            case _:
                found = Raised(repr(outcome))
        return decide(attempt.claim.policy, attempt.claim.attempt, found, 0.5)

    async def settle(self, conn: Conn, attempt: Attempt, following: Next) -> int:
        if isinstance(following, Complete):
            return await complete(conn, [attempt.claim], following.result)
        ours, _ = await worker_verbs.settle(
            conn, [ended_as(attempt.claim.id, attempt.claim.token, following, 0.1)]
        )
        return ours

    def settled(self, attempt: Attempt, following: Next, ours: int, then: datetime) -> None:
        """It was written `then`, and has committed now."""
        task = attempt.task
        assert ours == (not attempt.is_stale)
        attempt.is_settled = True
        if not ours:
            return
        match following:
            case Complete():
                self.ended(task, "completed")
            case _ if task.is_to_stop:
                self.ended(task, "cancelled")
            case Fail():
                self.ended(task, "failed")
            case Retry(delay=delay):
                task.status, task.starts = "pending", attempt.claim.attempt
                due = then + timedelta(seconds=delay)
                task.place = Place("delayed", due) if delay > 0 else Place("ready")
            case Release():
                task.status, task.is_suspended = "pending", True
                assert task.starts == attempt.claim.attempt - 1
                task.place = Place("ready") if self.has_news(task) else Place("delayed", self.due(task))
            case _:
                raise AssertionError(following)

    def came(self, task: Modelled, signal: Sent) -> None:
        task.signals = sorted([*task.signals, signal], key=lambda one: one.number)
        self.wake(task)

    def ended(self, task: Modelled, status: str) -> None:
        task.status, task.is_suspended, task.is_to_stop = status, False, False
        task.place = Place("running")
        if task.tells_its_end:
            for other in self.tasks.values():
                if any(wait.asked.child == task.id for wait in other.current_waits()):
                    self.wake(other)

    def wake(self, task: Modelled) -> None:
        if task.is_suspended and task.place.table == "delayed" and self.has_news(task):
            task.place = Place("ready")

    def has_news(self, task: Modelled) -> bool:
        """Whether one of the things has come that it waits for. That the time for one is over is not of these."""
        return any(
            first_of(task, wait) is not None
            or (wait.asked.child is not None and self.tasks[wait.asked.child].has_ended)
            for wait in task.current_waits()
        )

    def due(self, task: Modelled) -> datetime:
        """When the first of its waits may be over."""
        assert task.current_waits(), "it waits for nothing"
        dues = [UNTIL_WOKEN]
        for wait in task.current_waits():
            if wait.due is not None:
                dues.append(wait.due)
            if wait.asked.child is not None:
                child = self.tasks[wait.asked.child]
                if not child.tells_its_end or self.is_held(child):
                    dues.append(self.now + max(timedelta(seconds=1), (self.now - wait.began) / 10))
        return min(dues)

    # --- what must hold ---

    async def check(self) -> None:
        kept = {task_id: task for task_id, task in self.tasks.items() if task.status != "gone"}
        statuses = dict(await all_rows(self.conn, "SELECT id::text, status FROM lapinq_task_details"))
        assert statuses == {task_id: task.status for task_id, task in kept.items()}
        for task_id, (place, starts) in (await self.found()).items():
            assert (place, starts) == (kept[task_id].place, kept[task_id].starts), kept[task_id].script
        signals = await self.found_signals()
        for task_id, task in kept.items():
            assert signals[task_id] == [(one.name, one.value) for one in task.signals]
        assert not (faults := [fault for task in kept.values() for fault in task.faults]), faults
        if len(self.told) % 10 == 0 and not self.has_requeued:  # which starts a task more often than it may
            await check_rows(self.conn, kept)

    async def found(self) -> dict[str, tuple[Place, int]]:
        """Where each task is that has not ended, and its starts."""
        rows = await all_rows(self.conn, _PLACES)
        return {task_id: (Place(table, due), starts) for task_id, table, due, starts in rows}

    async def found_signals(self) -> dict[str, list[tuple[str, str]]]:
        """Those that nobody has taken, by task."""
        found: dict[str, list[tuple[str, str]]] = {task_id: [] for task_id in self.tasks}
        for task_id, name, value in await all_rows(self.conn, _SIGNALS):
            found[task_id].append((name, value))
        return found

    async def look_where(self, task: Modelled) -> None:
        task.place, _ = (await self.found())[task.id]

    async def status(self, task: Modelled) -> str:
        return await first_value(
            self.conn, "SELECT status FROM lapinq_task_details WHERE id = %s", (task.id,)
        )

    # --- helpers ---

    def at(self, table: str) -> list[Modelled]:
        return [task for task in self.tasks.values() if not task.has_ended and task.place.table == table]

    def is_held(self, task: Modelled) -> bool:
        """Whether an open transaction has its row."""
        return any(task.id in one.held for one in self.pending)

    def is_to_settle(self, attempt: Attempt) -> bool:
        function = attempt.function
        return (
            not attempt.is_settled
            and function.done()
            and not function.cancelled()
            and not self.is_held(attempt.task)
        )

    def new_signal(self) -> Sent:
        number = next(self.numbers)
        return Sent(number, self.rand.choice(SIGNALS), str(number))

    def one_of(self, these: list[Any]) -> Any:
        return self.rand.choice(these) if these else None

    def some_of(self, these: list[Any]) -> list[Any]:
        return self.rand.sample(these, self.rand.randint(0, len(these)))


@pytest.mark.parametrize("seed", seeds(range(200), quick=range(4)))
async def test_a_random_history(connections: Connections, seed: int) -> None:
    history = History(await connections(4), seed)
    try:
        async with asyncio.timeout(120):
            await history.run()
    except BaseException as error:
        error.add_note(f"seed {seed}: {' '.join(history.told[-60:])}")
        raise
