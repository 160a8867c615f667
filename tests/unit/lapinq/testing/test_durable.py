"""How durable tasks run inline, how they crash everywhere, and what direct calls give their steps and waits."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.orm import Session

import lapinq
import lapinq.aio
from lapinq import AsyncTaskQueue, LapinqError, TaskFailed, TaskQueue, TaskRef, WaitTimeout, current_task
from lapinq.errors import InvalidValue, RequestRefused
from lapinq.testing import InlineTasks, crash_everywhere, inline, running_as, travel
from lapinq_core.domain.ids import new_id

queue = TaskQueue("http://192.0.2.1")
async_queue = AsyncTaskQueue("http://192.0.2.1")

sqlite = sqlalchemy.create_engine("sqlite://")

log: list[Any] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


def note(what: str) -> tuple[str, int]:
    log.append(what)
    return what, len(log)


def ask() -> str:
    return current_task().signal_url("is it so?")


async def anote(what: str) -> str:
    log.append(what)
    await asyncio.sleep(0)
    return what


def refund(what: str) -> object:
    return anote(what)  # a coroutine, which runs to its end


@queue.task(retry=[1, 1])
def order(price: int) -> str:
    task = current_task()
    assert task.step("charge", note, "charged")[0] == "charged"
    task.sleep(3600)
    if task.attempt == 1 and price == 13:
        raise RuntimeError("out of luck")
    try:
        decision = task.wait_for_any("approved", "rejected", timeout=86400)
    except WaitTimeout:
        decision = None
    if decision is None or decision.name == "rejected":
        task.step("tell", note, "told")
        task.step("tell", refund, "refunded")
        return "refused"
    task.step("ship", note, f"shipped to {decision.value}")
    return "shipped"


@async_queue.task
async def gathers(number: int) -> list[Any]:
    task = lapinq.aio.current_task()
    steps = task.step("note", anote, "a", key="a"), task.step("note", note, "b", key="b")
    first, second = await asyncio.gather(*steps)
    await task.sleep(60)
    value = await task.wait_for_signal("go")
    return [number, first, second[0], value]


@async_queue.task
async def groups() -> str:
    task = lapinq.aio.current_task()
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(task.wait_for_signal(name)) for name in ("a", "b")]
        group.create_task(task.step("note", anote, "beside"))
    return "".join(wait.result() for wait in waits)


@queue.task
def double(number: int) -> int:
    if not number:
        raise ValueError("nothing to double")
    current_task().sleep(10)
    return 2 * number


def enqueue_double(number: int) -> str:
    return double.queue(number).task_id or ""


@queue.task(max_retries=0)
def waits_for(number: int, seconds: float | None = None) -> int:
    task = current_task()
    return task.wait_for_task(TaskRef(task.step("double", enqueue_double, number)), timeout=seconds)


@queue.task
def signals_itself_late() -> Any:
    task = current_task()
    try:
        return task.wait_for_signal("late")
    finally:
        log.append("waited")


@queue.task
def spawns(number: int) -> int:
    return current_task().wait_for_task(current_task().spawn(double, number))


@async_queue.task(version="2")
async def spawns_many() -> list[int]:
    task = lapinq.aio.current_task()
    refs = [await task.spawn(double.options(ref=str(number)), number) for number in (1, 2)]
    return await asyncio.gather(*(task.wait_for_task(ref) for ref in refs))


@queue.task
def stores_with_rows() -> str:
    with sqlite.connect() as connection:
        return current_task().using(connection).step("stored", str, 7)


@lapinq.step
def decorated(number: int) -> int:
    log.append(number)
    return number


@queue.task
def calls_decorated() -> int:
    first = decorated(1)
    assert current_task().step("ask", ask) == "http://lapinq.testing/is%20it%20so%3F"
    current_task().sleep(1)
    return first + decorated(2)


@queue.task
def no_steps() -> int:
    return 1


@queue.task
def random_names() -> None:
    task = current_task()
    for _ in range(3):
        task.step(f"at {time.perf_counter_ns()}", note, "x")


@queue.task
def shows_its_attempt() -> int:
    current_task().step("one", note, "x")
    return current_task().attempt


@queue.task
def forks() -> None:
    task = current_task()
    task.step("one", note, "x")
    task.step("once" if task.attempt == 1 else "again", note, "x")


@queue.task(max_retries=0)
def only_once() -> None:
    current_task().step("one", note, "x")


@queue.task
def fails_at_last() -> None:
    current_task().step("one", note, "x")
    raise ValueError("at last")


def second_of(names: Sequence[str]) -> dict[str, str]:
    return {names[1]: "so"}


def test_a_suspended_task_goes_on_with_its_stored_steps_when_time_passes_or_a_signal_comes(
    lapinq_inline: InlineTasks,
) -> None:
    ref = order.queue(1)
    travel(3599)
    assert (ref.status(), log) == ("pending", ["charged"])
    travel(2)
    assert ref.status() == "pending"
    lapinq_inline.signal(ref, "other")
    assert ref.status() == "pending"
    ref.signal("approved", "Lima")
    assert (ref.result(), log) == ("shipped", ["charged", "shipped to Lima"])
    assert [(step["name"], step["kind"], step["status"]) for step in ref.steps()] == [
        ("charge", "step", "completed"),
        ("sleep", "sleep", "completed"),
        ("approved|rejected", "signal", "completed"),
        ("ship", "step", "completed"),
    ]
    [task] = lapinq_inline
    assert [(one.number, one.error, one.delay) for one in task.attempts] == [
        (1, "suspended: sleeps for 3600 s", pytest.approx(3600, abs=5)),
        (1, "suspended: waits for the signal approved or rejected", pytest.approx(86400, abs=5)),
        (1, None, None),
    ]


def test_a_signal_is_kept_until_it_is_waited_for_and_waiting_for_a_result_lets_time_pass(
    lapinq_inline: InlineTasks,
) -> None:
    early, late, unlucky = order.queue(1), order.queue(2), order.queue(13)
    lapinq_inline.signal(lapinq_inline[0], "rejected", {"by": "Eva"})
    assert early.status() == "pending"
    assert (early.result(), log[2:]) == ("refused", ["charged", "told", "refunded"])
    assert late.result() == "refused"
    assert unlucky.task_id is not None
    lapinq_inline.signal(unlucky.task_id, "approved", "Rome")
    assert unlucky.result() == "shipped"
    errors = [one.error for one in lapinq_inline[2].attempts]
    assert errors == ["suspended: sleeps for 3600 s", "RuntimeError: out of luck", None]


def test_a_signal_in_a_transaction_is_sent_by_its_commit(lapinq_inline: InlineTasks) -> None:
    task_id = order.queue(1).task_id or ""
    travel(3601)
    with Session(sqlite) as session:
        queue.using(session).signal(task_id, "approved", "Oslo")
        session.rollback()
        assert lapinq_inline[0].status == "pending"
        queue.using(session).signal(task_id, "approved", "Rome")
        assert lapinq_inline[0].status == "pending"
        session.commit()
    assert log == ["charged", "shipped to Rome"]
    with Session(sqlite) as session, pytest.raises(RequestRefused, match="has ended"):
        queue.using(session).signal(task_id, "approved", "Oslo")


def test_a_signal_that_nothing_can_take_or_that_never_comes_is_told(lapinq_inline: InlineTasks) -> None:
    ended, waiting = no_steps.queue(), signals_itself_late.queue()
    for ref, said in ((ended, "the task has ended"), ("x", "there is no task")):
        with pytest.raises(RequestRefused, match=said):
            lapinq_inline.signal(ref, "go")
    with pytest.raises(InvalidValue, match="name: must be"):
        lapinq_inline.signal(waiting, "")
    with pytest.raises(LapinqError, match="waits for the signal late, and nothing sends that"):
        waiting.result()
    lapinq_inline.signal(waiting, "late")
    assert (waiting.result(), log) == (None, ["waited", "waited"])


def test_coroutines_are_suspended_on_the_loop_of_the_caller_or_on_one_of_their_own(
    lapinq_inline: InlineTasks,
) -> None:
    ref = gathers.queue(1)
    travel(61)
    lapinq_inline.signal(ref, "go", [7])
    assert ref.result() == [1, "a", "b", [7]]

    async def main() -> None:
        ref = await gathers.aqueue(2)
        await ref.asignal("go", 8)
        assert await ref.aresult() == [2, "a", "b", 8]
        assert order.queue(1).status() == "pending"

    asyncio.run(main())
    assert sorted(log) == ["a", "a", "b", "b", "charged"]
    together = groups.queue()
    assert lapinq_inline[-1].attempts[0].error == "suspended: waits for the signal a; waits for the signal b"
    lapinq_inline.signal(together, "b", "B")
    lapinq_inline.signal(together, "a", "A")
    assert (together.result(), log.count("beside")) == ("AB", 1)


def test_a_task_waits_for_the_end_of_another_one(lapinq_inline: InlineTasks) -> None:
    good, bad = waits_for.queue(21), waits_for.queue(0)
    assert (good.status(), bad.status()) == ("pending", "failed")
    assert good.result() == 42
    with pytest.raises(TaskFailed, match="ValueError: nothing to double"):
        bad.result()
    slow, gone = waits_for.queue(1, 5), waits_for.queue(2)
    with pytest.raises(TaskFailed, match="WaitTimeout"):
        slow.result()
    TaskRef(lapinq_inline[-1].id, queue=queue).cancel()
    assert gone.status() == "failed"
    assert "was cancelled" in (lapinq_inline[-2].error or "")


def test_what_a_task_spawns_runs_after_it_and_is_enqueued_once(lapinq_inline: InlineTasks) -> None:
    ref, many = spawns.queue(21), spawns_many.queue()
    assert [task.task_name for task in lapinq_inline] == [
        "spawns",
        "double",
        "spawns_many",
        "double",
        "double",
    ]
    assert (ref.status(), lapinq_inline[1].status) == ("pending", "pending")
    assert ref.result() == 42
    travel(10)
    assert (many.result(), len(lapinq_inline)) == ([2, 4], 5)


def test_steps_by_decorator_and_with_a_connection_are_kept_too(lapinq_inline: InlineTasks) -> None:
    assert calls_decorated.queue().result() == 3
    assert log == [1, 2]
    assert stores_with_rows.queue().result() == "7"


@pytest.mark.parametrize(
    ("signals", "ended"),
    [
        ({"approved": "Lima"}, ("shipped", ["charged", "shipped to Lima"])),
        ({"rejected": None}, ("refused", ["charged", "told", "refunded"])),
        (None, ("refused", ["charged", "told", "refunded"])),
        (second_of, ("refused", ["charged", "told", "refunded"])),
    ],
)
def test_a_task_that_ends_the_same_wherever_it_crashes_passes(
    signals: Mapping[str, Any] | Callable[[Sequence[str]], Mapping[str, Any]] | None,
    ended: tuple[str, list[str]],
) -> None:
    task = crash_everywhere(order, 1, signals=signals)
    result, steps = ended
    assert (task.result, log[: len(steps)]) == (f'"{result}"', steps)
    # At each step and each look at sleep and wait, a crash before and after. Before it is stored, a step runs twice.
    crashes = 2 * (len(steps) + 4)
    assert [log.count(step) for step in steps] == [1 + crashes + 1] * len(steps)


def test_coroutines_children_and_tasks_that_fail_crash_everywhere_too() -> None:
    assert crash_everywhere(gathers, 1, signals={"go": 2}).result == '[1,"a","b",2]'
    assert crash_everywhere(groups, signals={"a": "A", "b": "B"}).result == '"AB"'
    assert crash_everywhere(waits_for.options(max_retries=1), 21).result == "42"
    assert crash_everywhere(spawns, 21).result == "42"
    assert crash_everywhere(spawns_many).result == "[2,4]"
    assert crash_everywhere(calls_decorated).result == "3"
    assert crash_everywhere(fails_at_last).error == "ValueError: at last"


async def test_it_works_in_a_coroutine() -> None:
    assert crash_everywhere(gathers, number=1, signals={"go": 2}).status == "completed"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (no_steps, "no_steps() in queue 'default' has no steps or waits at which it could crash"),
        (
            shows_its_attempt,
            "if it crashes before the step 'one' was stored, ends as completed: 2\n"
            "without a crash it ends as completed: 1",
        ),
        (random_names, "was stored, does not come there: each run must have the same steps"),
        (
            forks,
            "if it crashes before the step 'one' was stored, has other steps\nonly then: step 'again', completed\n"
            "only without a crash: step 'once', completed",
        ),
        (
            only_once,
            "ends as failed: worker 'inline' was lost while it ran this task\n"
            "without a crash it ends as completed: null",
        ),
    ],
)
def test_a_task_that_does_not_is_told_with_the_step(task: Any, said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        crash_everywhere(task)
    assert said in str(caught.value)


def test_a_signal_that_never_comes_is_told_when_it_crashes_everywhere() -> None:
    with pytest.raises(LapinqError, match="waits for the signal go, and nothing sends that"):
        crash_everywhere(gathers, 1)


def test_a_function_that_is_called_directly_has_its_steps_and_passes_its_waits() -> None:
    with running_as() as task:
        task.signal("approved", "Lima")
        assert order(1) == "shipped"
        with pytest.raises(WaitTimeout):
            task.wait_for_signal("approved", timeout=60)
        with pytest.raises(LapinqError, match="nothing has sent the signal approved"):
            task.wait_for_signal("approved")
        with pytest.raises(LapinqError, match="runs no other task"):
            task.wait_for_task(new_id())
        ref = task.spawn(double, 7)
        assert ref.task_id == task.spawned.assert_enqueued(double, args=[7])[0].id
    with running_as():
        assert order(1) == "refused"
    assert log == ["charged", "shipped to Lima", "charged", "told", "refunded"]


async def test_a_coroutine_that_is_called_directly_awaits_them() -> None:
    with running_as() as task:
        task.signal("go", 1)
        assert await gathers(2) == [2, "a", "b", 1]


def test_a_task_of_a_test_with_inline_is_not_one_of_another() -> None:
    with inline():
        ref = order.queue(1)
    with inline() as tasks, pytest.raises(LapinqError, match="there is no task"):
        tasks.signal(ref, "approved")
