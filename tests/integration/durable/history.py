"""What the database must hold of durable tasks, by a few rules, and attempts that go on one request at a time.

An attempt is the product's own code for steps and waits (`Calls`) under a random script. Each of its requests waits
until the history answers it, so anything may happen between two of them.
"""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from lapinq_core.domain.errors import LeaseLost, Suspend, WaitTimeout
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.calls import Calls
from lapinq_core.domain.tasks.durable.messages import (
    Answer,
    Load,
    Loaded,
    Lost,
    Request,
    Row,
    Store,
    Stored,
    Wait,
)
from lapinq_core.durable.steps import Held

SIGNALS = ("red", "green", "blue")
ENDED = {"completed", "failed", "cancelled", "expired", "gone"}
_TURNS = 30


class Op(msgspec.Struct, frozen=True):
    """What a script does next. `failures` is how often a step raises before it returns, `child` the task to wait for.
    A chain takes a few turns of the event loop after each of its parts."""

    kind: Literal["step", "sleep", "signal", "task", "gather", "chain"]
    name: str = ""
    names: tuple[str, ...] = ()
    seconds: int | None = None
    child: str = ""
    failures: int = 0
    together: tuple["Op", ...] = ()


class OpenWait(msgspec.Struct):
    """A wait that is not over. `token` is that of the claim that came to it last."""

    asked: Wait
    began: datetime
    due: datetime | None
    token: str
    claim_seq: int = 0


class Place(msgspec.Struct, frozen=True):
    """Where a task is that has not ended. `due` says when it leaves the delayed ones, None for some time or other."""

    table: Literal["ready", "delayed", "running"]
    due: datetime | None = None


class Sent(msgspec.Struct, frozen=True):
    """A signal whose sender has committed. `number` is its place among all."""

    number: int
    name: str
    value: str


class Modelled:
    """What must be true of one task."""

    def __init__(self, task_id: str, script: list[Op], *, tells_its_end: bool) -> None:
        self.id = task_id
        self.script = script
        self.tells_its_end = tells_its_end
        self.status = "pending"
        self.place = Place("ready")
        self.starts = 0
        self.token = ""
        self.is_suspended = False
        self.is_to_stop = False
        self.stored: dict[tuple[str, int], str] = {}
        self.waits: dict[tuple[str, int], OpenWait] = {}
        self.over: dict[tuple[str, int], Row] = {}
        self.signals: list[Sent] = []
        self.taken: set[str] = set()
        self.runs: dict[tuple[str, int], int] = {}
        self.faults: list[str] = []

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def current_waits(self) -> list[OpenWait]:
        """Those that its last claim came to."""
        return [one for one in self.waits.values() if one.token == self.token]


class Attempt:
    """One claim of a task, with the function that runs on it."""

    is_coroutine = True
    version = None
    max_payload_size = 1_000_000

    def __init__(self, task: Modelled, claim: Claim, worker: str) -> None:
        self.task = task
        self.claim = claim
        self.worker = worker
        self.asked: list[tuple[Request, asyncio.Future[Answer]]] = []
        self.calls = Calls(self)
        self.function = asyncio.ensure_future(self._outcome())
        self.is_settled = False
        self.is_over = False
        """Whether the function has ended, whatever it left behind."""

    @property
    def held(self) -> Held:
        return Held(self.claim.id, self.claim.token)

    @property
    def is_stale(self) -> bool:
        return self.claim.token != self.task.token or self.is_settled

    def ask(self, request: Request) -> Answer:
        raise AssertionError(request)

    def write_log(self, line: str) -> None:
        raise AssertionError(line)

    async def aask(self, request: Request) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.asked.append((request, answer))
        return await answer

    def crash(self) -> None:
        """It goes no further."""
        self.asked.clear()
        self.function.cancel()
        self.is_over = True

    async def _outcome(self) -> BaseException | list[Any]:
        try:
            return [await self._do(op) for op in self.task.script]
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # a suspension is none of Exception
            return error
        finally:
            self.is_over = True
            self.calls.end()

    async def _do(self, op: Op) -> Any:
        try:
            match op.kind:
                case "step":
                    return await self.calls.step(op.name, self._step, (op,), {}, None)
                case "sleep":
                    return (await self.calls.sleep(op.seconds or 0)).outcome
                case "signal":
                    row = await self.calls.wait_for_signal(list(op.names), op.seconds)
                    return [row.taken, row.result]
                case "task":
                    row = await self.calls.wait_for_task(op.child, op.seconds)
                    return [row.outcome, row.taken]
                case "gather":
                    return await asyncio.gather(*[self._do(one) for one in op.together])
                case "chain":
                    return [await self._do_and_rest(one) for one in op.together]
        except WaitTimeout:
            return "timed out"

    async def _do_and_rest(self, op: Op) -> Any:
        found = await self._do(op)
        for _ in range(3):
            await asyncio.sleep(0)
        return found

    async def _step(self, op: Op) -> str:
        task, place = self.task, (op.name, 0)
        if self.is_over:
            task.faults.append(f"the step {op.name} begins after the end of its attempt")
        if place in task.stored and not self.is_stale:
            task.faults.append(f"the stored step {op.name} runs again")
        task.runs[place] = task.runs.get(place, 0) + 1
        if task.runs[place] <= op.failures:
            raise ValueError(op.name)
        return f"{op.name} {task.runs[place]}"


async def turns() -> None:
    """Lets everything go on until it waits for an answer."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def random_script(rand: random.Random, children: list[str], prefix: str) -> list[Op]:
    """Names of steps are unique in it, so a place is a name."""
    return [_random_op(rand, children, f"{prefix}{number}") for number in range(rand.randint(1, 6))]


def _random_op(rand: random.Random, children: list[str], name: str, *, nested: bool = False) -> Op:
    kinds = (
        ["step"] * 4 + ["signal"] * 4 + ["sleep"] * (0 if nested else 2) + ["task"] * (3 if children else 0)
    )
    kind = rand.choice([*kinds, "chain", "chain"] if nested else [*kinds, "gather", "gather"])
    timeout = rand.choice([None, None, 0, 5, 60, 3600])
    match kind:
        case "step":
            return Op("step", name, failures=rand.choice([0, 0, 0, 1, 2]))
        case "sleep":
            return Op("sleep", seconds=rand.choice([0, 1, 30, 7200]))
        case "signal":
            return Op("signal", names=tuple(rand.sample(SIGNALS, rand.choice([1, 1, 2]))), seconds=timeout)
        case "task":
            return Op("task", child=rand.choice(children), seconds=timeout)
        case "chain":
            return Op("chain", name, together=tuple(Op("step", f"{name}.{part}") for part in range(3)))
        case _:
            together = [_random_op(rand, children, f"{name}{letter}", nested=True) for letter in "abc"]
            return Op("gather", together=tuple(_without_twins(together)))


def _without_twins(together: list[Op]) -> list[Op]:
    """Of one name only one may be in flight."""
    return list({(op.kind, op.name, op.names, op.child): op for op in together}.values())


def note_answer(
    tasks: dict[str, Modelled], attempt: Attempt, request: Request, answer: Answer, now: datetime
) -> None:
    """What the database has answered is what it must have: and what that changes."""
    task = attempt.task
    if attempt.is_stale:
        assert isinstance(answer, Lost), (request, answer)
        return
    match request:
        case Load():
            assert isinstance(answer, Loaded)
            found = {(row.name, row.occurrence): row for row in answer.rows}
            for place in places_that_may_be_over(task):
                wait = task.waits[place]
                if found[place].outcome is not None or is_over(tasks, task, wait, now):
                    _note_wait(tasks, attempt, wait.asked, found[place], now)
            assert found.keys() == task.stored.keys() | task.waits.keys() | task.over.keys()
            for place, text in task.stored.items():
                assert found[place].result == text
            for place, row in task.over.items():
                assert found[place] == row
        case Store(name=name, occurrence=occurrence, result=result):
            assert isinstance(answer, Stored)
            assert task.stored.setdefault((name, occurrence), result) == result
        case Wait():
            _note_wait(tasks, attempt, request, answer, now)
        case _:
            raise AssertionError(request)


def _note_wait(
    tasks: dict[str, Modelled], attempt: Attempt, asked: Wait, answer: Answer, now: datetime
) -> None:
    task, place = attempt.task, (asked.name, asked.occurrence)
    assert isinstance(answer, Row)
    due = None if asked.seconds is None else now + timedelta(seconds=asked.seconds)
    wait = task.waits.setdefault(place, OpenWait(asked, now, due, ""))
    wait.token, wait.claim_seq = attempt.claim.token, attempt.claim.claim_seq
    expected: tuple[str | None, str | None, str | None]
    child = tasks.get(asked.child or "")
    if (signal := first_of(task, wait)) is not None:
        expected = ("completed", signal.value, signal.name)
        assert signal.value not in task.taken
        task.taken.add(signal.value)
        task.signals.remove(signal)
    elif child is not None and child.has_ended:
        ended = "deleted" if child.status == "gone" else child.status
        expected = ("completed" if ended == "completed" else "failed", answer.result, ended)
    elif wait.due is not None and wait.due <= now:
        expected = ("completed" if asked.kind == "sleep" else "timed_out", None, answer.taken)
    else:
        expected = (None, None, answer.taken)
    assert (answer.outcome, answer.result, answer.taken) == expected
    if answer.outcome is not None:
        del task.waits[place]
        task.over[place] = answer


def places_that_may_be_over(task: Modelled) -> list[tuple[str, int]]:
    """Of the waits to which the last claim came that came to any which is open, in the order in which they began."""
    last = max((wait.claim_seq for wait in task.waits.values()), default=0)
    places = [place for place, wait in task.waits.items() if wait.claim_seq == last]
    return sorted(places, key=lambda place: (task.waits[place].began, place))


def is_over(tasks: dict[str, Modelled], task: Modelled, wait: OpenWait, now: datetime) -> bool:
    """Whether what it waits for has come, or the time for it is over."""
    child = tasks.get(wait.asked.child or "")
    return (
        first_of(task, wait) is not None
        or (child is not None and child.has_ended)
        or (wait.due is not None and wait.due <= now)
    )


def first_of(task: Modelled, wait: OpenWait) -> Sent | None:
    """The signal that the wait takes now."""
    return next((one for one in task.signals if one.name in wait.asked.names), None)


def what_it_raised(outcome: BaseException | list[Any]) -> str:
    """In one word."""
    if isinstance(outcome, list):
        return "completed"
    if isinstance(outcome, Suspend):
        return "suspended"
    return "lost" if isinstance(outcome, LeaseLost) else "raised"
