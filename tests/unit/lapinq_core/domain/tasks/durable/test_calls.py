"""Steps and waits of one attempt, as far as they need no database."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

import lapinq
from lapinq_core.domain.errors import InvalidValue, LeaseLost, OtherVersion, StepRefused, Suspend, WaitTimeout
from lapinq_core.domain.tasks.context import CurrentTask, Signal, running
from lapinq_core.domain.tasks.durable.messages import Fetch, Load, Row, Store
from lapinq_core.domain.tasks.outcome import Completed, Raised, Suspended
from tests.support.event_loops import anyio_backend
from tests.unit.remembering import Attempt, Task

__all__ = ["anyio_backend"]


@dataclass
class Receipt:
    number: int


def charge(number: int) -> Receipt:
    return Receipt(number)


async def acharge(number: int) -> Receipt:
    await asyncio.sleep(0)
    return Receipt(number)


def never() -> None:
    raise AssertionError("it is stored")


def current(task: Task, version: str | None = "1") -> Any:
    return CurrentTask(task.attempt(version))  # type: ignore[arg-type]  # the part that steps need


def in_task(attempt: Attempt, function: Callable[[], Any]) -> Any:
    """What the function gives in the task."""

    def run() -> Any:
        running.set(attempt)  # type: ignore[arg-type]
        return function()

    return contextvars.copy_context().run(run)


def test_a_result_comes_as_annotated_from_the_function_and_from_the_store() -> None:
    task = Task()
    for leaves_out in (False, True):
        task.leaves_out = leaves_out
        now = current(task)
        assert now.step("charge", charge, 1) == Receipt(1)
        assert now.step("charge", acharge, 2) == Receipt(2)  # in plain code it runs to its end
        assert now.step("other", lambda: (1, {"a": None})) == [1, {"a": None}]
    assert [type(each) for each in task.asked] == [Load, *[Store] * 3, Load, *[Fetch] * 3]
    assert [*task.rows] == [("charge", 0), ("charge", 1), ("other", 0)]


def test_a_step_that_is_called_again_after_it_raised_is_the_same_step() -> None:
    task = Task()
    for _ in range(2):
        now = current(task)
        for wrong in (never, object, None):
            if wrong is None:
                assert now.step("a", lambda: "second try") == "second try"
            elif not task.rows:
                with pytest.raises((AssertionError, StepRefused)):
                    now.step("a", wrong)
    assert [*task.rows] == [("a", 0)]


class Transaction:
    """One of the user's. `answers` are what its statements give."""

    is_async = False

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = [*answers]

    def store(self, asked: Store) -> bool:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def astore(self, asked: Store) -> bool:
        raise AssertionError("it is not for coroutines")


def test_a_step_in_a_transaction_is_not_stored_by_the_worker() -> None:
    task = Task()
    calls = task.attempt().durable
    transaction = Transaction(OSError("away"), False, True)
    for error in (OSError, LeaseLost):
        with pytest.raises(error):
            calls.step("a", int, (), {}, None, transaction)
    assert calls.step("a", int, (), {}, None, transaction) == 0
    assert task.names == []
    transaction.is_async = True
    with pytest.raises(TypeError, match="this connection is for coroutines"):
        calls.step("a", int, (), {}, None, transaction)


def test_a_step_that_raises_is_not_stored() -> None:
    task = Task()
    with pytest.raises(AssertionError, match="it is stored"):
        current(task).step("a", never)
    assert current(task).step("a", int, 1) == 1
    with pytest.raises(StepRefused, match=r"step 'b': its result can't be stored as JSON"):
        current(task).step("b", object)
    with pytest.raises(StepRefused, match=r"step 'b': its result has 2,002 bytes, more than 1,000"):
        current(task).step("b", lambda: "x" * 2000)
    assert task.names == ["a"]


def test_names_are_checked() -> None:
    now = current(Task())
    wrong: list[Any] = ["", " ", "a\n", "x" * 201, 7]
    for name in wrong:
        with pytest.raises(InvalidValue, match=r"^name"):
            now.step(name, never)
        with pytest.raises(InvalidValue, match=r"^name"):
            now.wait_for_signal(name)
    with pytest.raises(InvalidValue, match=r"^names"):
        now.wait_for_any()
    with pytest.raises(InvalidValue, match=r"^seconds"):
        now.sleep(-1)
    with pytest.raises(InvalidValue, match=r"^timeout"):
        now.wait_for_signal("a", timeout=float("nan"))
    with pytest.raises(InvalidValue, match=r"^task"):
        now.wait_for_task("a")


def test_steps_of_another_version_are_left_to_its_worker() -> None:
    task = Task()
    current(task, "2").step("a", int)  # the first: there is no other version yet
    with pytest.raises(
        OtherVersion, match="it needs version 1 of the function, and this worker has version 2"
    ):
        current(task, "2").step("a", int)


def test_what_a_wait_ended_with() -> None:
    task = Task()
    task.waits = {
        "a|b": Row("a|b", 0, "signal", "completed", '{"n":1}', 7, "b"),
        "late": Row("late", 0, "signal", "timed_out"),
    }
    now = current(task)
    assert now.wait_for_any("a", "b") == Signal("b", {"n": 1})
    with pytest.raises(WaitTimeout, match=r"it waits for the signal late, which did not come within 5 s"):
        now.wait_for_signal("late", timeout=5)
    with pytest.raises(Suspend, match="sleeps for 5 s"):
        now.sleep(5)
    assert not isinstance(Suspend(), Exception)


async def test_a_suspension_waits_for_the_steps_beside_it_and_tells_all_waits() -> None:
    task = Task(is_coroutine=True)
    now = current(task)
    go = asyncio.Event()

    async def slow() -> int:
        await go.wait()
        return 1

    calls: list[Awaitable[Any]] = [now.step("slow", slow), now.sleep(5), now.wait_for_signal("a")]
    branches = asyncio.gather(*calls)
    await asyncio.sleep(0.01)
    assert not branches.done()
    go.set()
    with pytest.raises(Suspend) as suspended:
        await branches
    assert sorted(str(suspended.value).split("; ")) == ["sleeps for 5 s", "waits for the signal a"]
    assert task.names == ["slow"]
    assert sum(isinstance(each, Load) for each in task.asked) == 1
    with pytest.raises(Suspend):  # in a branch that goes on
        await now.step("next", never)


async def test_steps_may_be_in_flight_together_by_their_keys() -> None:
    task = Task(is_coroutine=True)
    for function in (acharge, never):
        now = current(task)
        found = await asyncio.gather(*(now.step("c", function, n, key=str(n)) for n in range(3)))
        assert found == (
            [Receipt(n) for n in range(3)] if function is acharge else [{"number": n} for n in range(3)]
        )
    first = now.step("c", acharge, 1)
    with pytest.raises(InvalidValue, match="'c' is already in flight"):
        now.step("c", acharge, 2)
    await first
    assert task.names == ["c[0]", "c[1]", "c[2]", "c"]


def test_nothing_begins_after_the_end() -> None:
    attempt = Task().attempt()
    attempt.durable.end()
    with pytest.raises(LeaseLost):
        CurrentTask(attempt).step("a", never)  # type: ignore[arg-type]


def test_a_function_that_caught_its_suspension_waits_all_the_same() -> None:
    calls = Task().attempt().durable
    with pytest.raises(Suspend):
        calls.sleep(5)
    assert calls.checked(Completed("1")) == Suspended("sleeps for 5 s")
    assert calls.checked(Raised("no")) == Raised("no")
    assert Task().attempt().durable.checked(Completed("1")) == Completed("1")


async def test_the_log_tells_what_was_called_and_not_awaited() -> None:
    attempt = Task(is_coroutine=True).attempt()
    await attempt.durable.step("sent", acharge, (1,), {}, None)
    forgotten = attempt.durable.step("charge", acharge, (1,), {}, None)
    attempt.durable.end()
    forgotten.close()
    assert attempt.log == ["WARNING called and not awaited, so nothing of it ran: 'charge'. Write await."]


@lapinq.step
def paid(number: int) -> Receipt:
    return Receipt(number)


@lapinq.step(name="send")
async def asent(number: int) -> Receipt:
    return await acharge(number)


async def test_a_decorated_function_is_a_step_in_a_task_and_itself_elsewhere() -> None:
    assert (paid(1), await asent(1)) == (Receipt(1), Receipt(1))
    assert inspect.iscoroutinefunction(asent)
    task = Task()
    assert in_task(task.attempt("1"), lambda: paid(1)) == Receipt(1)
    assert await asyncio.to_thread(in_task, task.attempt("1"), lambda: asyncio.run(asent(2))) == Receipt(2)
    assert in_task(task.attempt("1"), lambda: CurrentTask(running.get()).step("outer", paid, 3)) == Receipt(3)
    assert task.names == ["paid", "send", "outer"]
    other = Task(is_coroutine=True)
    calls: list[Callable[[], Awaitable[Receipt]]] = [lambda: asent(4), lambda: paid(5)]  # type: ignore[list-item, return-value]  # pyright: ignore[reportAssignmentType]
    for call in calls:
        await in_task(other.attempt("1"), lambda call=call: asyncio.ensure_future(call()))
    assert other.names == ["send", "paid"]


def test_a_step_is_made_of_a_function_with_a_proper_name() -> None:
    wrong: Any = 7
    with pytest.raises(TypeError, match="belongs above a function"):
        lapinq.step(wrong)
    with pytest.raises(InvalidValue, match=r"^name"):
        lapinq.step(name="")
