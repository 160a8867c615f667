"""What the decorator says of time limits and retries, and how it travels: as a field, or with the function."""

import functools
import itertools
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lapinq import Backoff, Delays, FixedDelay, Middleware, Task, TaskQueue
from lapinq.errors import InvalidValue
from lapinq_core.domain.tasks.functions.handling import HANDLING, Handling

queue = TaskQueue()


def work() -> None: ...


def entry(task: Task[..., Any]) -> dict[str, Any]:
    """What would be sent, without what every task has."""
    common = {"task_name", "module_path", "args", "kwargs", "priority"}
    return {field: value for field, value in task.entry().items() if field not in common}


def handling_of(task: object) -> Handling | None:
    return vars(task).get(HANDLING)


def test_a_time_limit_is_sent_as_a_field() -> None:
    limited = queue.task(timeout=2.5)(work)
    assert entry(limited) == {"timeout_seconds": 2.5}
    assert entry(limited.options(timeout=9)) == {"timeout_seconds": 9}
    assert entry(limited.options(timeout=None)) == {}
    assert entry(queue.task(work).options(timeout=1)) == {"timeout_seconds": 1}
    assert handling_of(limited) is None


@pytest.mark.parametrize("schedule", [FixedDelay(5), Backoff(1, factor=3), Delays((1, 2))])
def test_a_retry_schedule_goes_with_the_function(schedule: Any) -> None:
    task = queue.task(retry=schedule)(work)
    assert handling_of(task) == Handling(schedule)
    assert "retry" not in task.entry()


@pytest.mark.parametrize("given", [[1, 2.5, 60], (1, 2.5, 60), range(1, 4), Delays((1, 2, 3))])
def test_a_list_of_waits_is_as_many_retries_unless_told_otherwise(given: Any) -> None:
    task = queue.task(retry=given)(work)
    assert entry(task) == {"max_retries": 3}
    assert entry(task.options(max_retries=1)) == {"max_retries": 1}
    assert entry(queue.task(retry=given, max_retries=9)(work)) == {"max_retries": 9}
    assert entry(queue.task(retry=given, max_retries=9)(work).options(max_retries=None)) == {"max_retries": 3}


@pytest.mark.parametrize("given", [FixedDelay(5), Backoff()])
def test_other_schedules_leave_the_number_to_the_server(given: Any) -> None:
    assert entry(queue.task(retry=given)(work)) == {}


@pytest.mark.parametrize(
    "given",
    [
        *(5, "abc", b"abc", FixedDelay, object()),
        *(
            {1, 2},
            frozenset({1}),
            {1: 2},
            bytearray(b"12"),
            memoryview(b"12"),
        ),  # without an order of their own
    ],
)
def test_what_is_no_schedule_is_refused(given: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^retry must be FixedDelay, Backoff, Delays or a list of seconds, not"
    ):
        queue.task(retry=given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], r"retry\.seconds: must hold at least one number"),
        ([1, -1], r"retry\.seconds\[1\]: must be a number"),
        (["1"], r"retry\.seconds\[0\]: must be a number"),
        ([float("nan")], r"retry\.seconds\[0\]: must be a number"),
    ],
)
def test_a_list_of_what_is_no_wait_is_refused(given: Any, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        queue.task(retry=given)


@pytest.mark.parametrize("options", [{"retry_delay": 5}, {"retry_backoff": False}, {"retry_delay": 0}])
def test_a_schedule_and_the_older_options_exclude_each_other(options: Any) -> None:
    [name] = options
    with pytest.raises(TypeError, match=rf"^{name} cannot be combined with retry=, which already sets"):
        queue.task(retry=[1], **options)
    with pytest.raises(TypeError, match=rf"^{name} cannot be combined with retry="):
        queue.task(retry=[1])(work).options(**options)


def test_the_older_options_can_be_taken_back_beside_a_schedule() -> None:
    assert entry(queue.task(retry=FixedDelay(1))(work).options(retry_delay=None)) == {}


@pytest.mark.parametrize("option", ["retry", "no_retry_for", "typed"])
def test_what_belongs_to_the_decorator_is_no_option_of_a_call(option: str) -> None:
    with pytest.raises(TypeError, match="retry, no_retry_for and typed belong in the decorator"):
        queue.task(work).options(**{option: [1]})  # pyright: ignore[reportArgumentType]


def test_exception_types_go_with_the_function() -> None:
    assert handling_of(queue.task(no_retry_for=KeyError)(work)) == Handling(no_retry_for=(KeyError,))
    two = queue.task(no_retry_for=(KeyError, OSError))(work)
    assert handling_of(two) == Handling(no_retry_for=(KeyError, OSError))


@pytest.mark.parametrize("given", [KeyError(), "KeyError", (KeyError, 5), [KeyError], int])
def test_what_is_no_exception_type_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="no_retry_for must be an exception type or a tuple of them"):
        queue.task(no_retry_for=given)


def test_a_function_without_any_of_it_carries_nothing() -> None:
    for task in (queue.task(work), queue.task(max_retries=2)(work), queue.task(no_retry_for=())(work)):
        assert not hasattr(task, HANDLING)


def test_options_keep_it() -> None:
    task = queue.task(retry=[1])(work)
    assert handling_of(task.options(priority=5)) is handling_of(task) is not None


def outer(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function()

    return wrapper


def test_a_decorator_around_the_task_carries_it_on() -> None:
    task = queue.task(retry=[1])(work)
    assert handling_of(outer(task)) is handling_of(task)


def test_a_task_made_of_a_wrapped_task_has_its_own_only() -> None:
    wrapped = outer(queue.task(retry=[1])(work))
    assert not hasattr(queue.task(wrapped), HANDLING)
    assert handling_of(queue.task(no_retry_for=KeyError)(wrapped)) == Handling(no_retry_for=(KeyError,))


def test_the_middleware_of_the_queue_goes_with_its_tasks() -> None:
    middleware = Middleware()
    layered = TaskQueue(middleware=[middleware])
    assert handling_of(layered.task(work)) == Handling(middleware=(middleware,))
    both = layered.task(retry=[1])(work)
    assert handling_of(both) == Handling(Delays((1,)), (), (middleware,))


BOUNDS = r"must be more than 0 and at most 315576000 seconds \(ten years\), not"


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        *((given, ValueError, BOUNDS) for given in (0, -1, math.nan, math.inf, 315_576_001, 10**30)),
        *(
            (given, TypeError, "must be a number of seconds, not")
            for given in (True, "5", [5], timedelta(seconds=5))
        ),
    ],
)
def test_a_time_limit_that_cannot_be_is_refused_where_it_is_written(
    given: Any, kind: type[Exception], told: str
) -> None:
    for declare in (queue.task, queue.task(work).options):
        with pytest.raises(kind, match=f"^timeout {told}"):
            declare(timeout=given)


@pytest.mark.parametrize("given", [1e-9, 315_576_000])
def test_a_time_limit_within_the_bounds_is_taken(given: float) -> None:
    assert entry(queue.task(timeout=given)(work)) == {"timeout_seconds": given}


@pytest.mark.parametrize(
    "given", [[1] * 101, range(101), range(10**12), Delays((1,) * 101), itertools.count()]
)
def test_more_waits_than_retries_there_can_be_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^retry must have at most 100 delays: a task has no more retries"):
        queue.task(retry=given)
    assert entry(queue.task(retry=[1] * 100)(work)) == {"max_retries": 100}
