"""What the decorator says of time limits and retries, and how it travels: as a field, or with the function."""

import functools
import itertools
import math
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

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


def outer(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function()

    return wrapper


def test_a_time_limit_is_sent_as_a_field() -> None:
    limited = queue.task(timeout=2.5)(work)
    assert entry(limited) == {"timeout_seconds": 2.5}
    assert entry(limited.options(timeout=9)) == {"timeout_seconds": 9}
    assert entry(limited.options(timeout=None)) == {}
    for bound in (1e-9, 315_576_000):
        assert entry(queue.task(work).options(timeout=bound)) == {"timeout_seconds": bound}


BOUNDS = r"must be more than 0 and at most 315576000 seconds \(ten years\), not"


@pytest.mark.parametrize(
    ("kind", "told", "values"),
    [
        (ValueError, BOUNDS, (0, -1, math.nan, math.inf, 315_576_001, 10**30)),
        (TypeError, "must be a number of seconds, not", (True, "5", [5], timedelta(seconds=5))),
    ],
)
def test_a_time_limit_that_cannot_be_is_refused_where_it_is_written(
    kind: type[Exception], told: str, values: tuple[Any, ...]
) -> None:
    for value, declare in itertools.product(values, (queue.task, queue.task(work).options)):
        with pytest.raises(kind, match=f"^timeout {told}"):
            declare(timeout=value)


def test_schedules_exception_types_and_middleware_go_with_the_function() -> None:
    middleware = Middleware()
    layered = TaskQueue(middleware=[middleware])
    carried: list[tuple[Task[..., Any], Handling]] = [
        *(
            (queue.task(retry=schedule)(work), Handling(schedule))
            for schedule in (FixedDelay(5), Backoff(1, factor=3), Delays((1, 2)))
        ),
        (queue.task(no_retry_for=KeyError)(work), Handling(no_retry_for=(KeyError,))),
        (queue.task(no_retry_for=(KeyError, OSError))(work), Handling(no_retry_for=(KeyError, OSError))),
        (queue.task(retry_for=KeyError)(work), Handling(retry_for=(KeyError,))),
        (queue.task(retry_for=())(work), Handling(retry_for=())),
        (layered.task(work), Handling(middleware=(middleware,))),
        (layered.task(retry=[1])(work), Handling(Delays((1,)), (), (middleware,))),
    ]
    for task, handling in carried:
        assert (
            handling_of(task) == handling_of(task.options(priority=5)) == handling_of(outer(task)) == handling
        )
        assert "retry" not in task.entry()
    for bare in (queue.task(work), queue.task(max_retries=2)(work), queue.task(no_retry_for=())(work)):
        assert not hasattr(bare, HANDLING)


def test_a_task_made_of_a_wrapped_task_has_its_own_only() -> None:
    wrapped = outer(queue.task(retry=[1])(work))
    assert not hasattr(queue.task(wrapped), HANDLING)
    assert handling_of(queue.task(no_retry_for=KeyError)(wrapped)) == Handling(no_retry_for=(KeyError,))


@pytest.mark.parametrize("given", [[1, 2.5, 60], (1, 2.5, 60), range(1, 4), Delays((1, 2, 3))])
def test_a_list_of_waits_is_as_many_retries_unless_told_otherwise(given: Any) -> None:
    task = queue.task(retry=given)(work)
    assert entry(task) == {"max_retries": 3}
    assert entry(task.options(max_retries=1)) == {"max_retries": 1}
    more = queue.task(retry=given, max_retries=9)(work)
    assert entry(more) == {"max_retries": 9}
    assert entry(more.options(max_retries=None)) == {"max_retries": 3}


def test_other_schedules_leave_the_number_to_the_server() -> None:
    for given in (FixedDelay(5), Backoff()):
        assert entry(queue.task(retry=given)(work)) == {}


UNORDERED = ({1, 2}, frozenset({1}), {1: 2}, bytearray(b"12"), memoryview(b"12"))
REFUSED: list[tuple[str, type[Exception], str, list[Any]]] = [
    (
        "retry",
        TypeError,
        "^retry must be FixedDelay, Backoff, Delays or a list of seconds, not",
        [5, "abc", b"abc", FixedDelay, object(), *UNORDERED],
    ),
    ("retry", InvalidValue, r"retry\.seconds: must hold at least one number", [[]]),
    ("retry", InvalidValue, r"retry\.seconds\[1\]: must be a number", [[1, -1]]),
    ("retry", InvalidValue, r"retry\.seconds\[0\]: must be a number", [["1"], [math.nan]]),
    (
        "retry",
        ValueError,
        "^retry must have at most 100 delays: a task has no more retries",
        [[1] * 101, range(10**12), Delays((1,) * 101), itertools.count()],
    ),
    (
        "no_retry_for",
        TypeError,
        "no_retry_for must be an exception type or a tuple of them",
        [KeyError(), "KeyError", (KeyError, 5), [KeyError], int],
    ),
    ("retry_for", TypeError, "^retry_for must be an exception type or a tuple of them", ["KeyError"]),
]


@pytest.mark.parametrize(("name", "kind", "told", "values"), REFUSED)
def test_what_is_no_schedule_or_no_exception_type_is_refused(
    name: str, kind: type[Exception], told: str, values: list[Any]
) -> None:
    declare: Any = queue.task
    for value in values:
        with pytest.raises(kind, match=told):
            declare(**{name: value})


def test_a_schedule_excludes_the_older_options_but_for_taking_them_back() -> None:
    scheduled = queue.task(retry=[1])
    decorate: Any = partial(queue.task, retry=[1])
    options: list[dict[str, Any]] = [{"retry_delay": 5}, {"retry_backoff": False}, {"retry_delay": 0}]
    for one in options:
        [name] = one
        for declare in (decorate, scheduled(work).options):
            with pytest.raises(
                TypeError, match=rf"^{name} cannot be combined with retry=, which already sets"
            ):
                declare(**one)
    assert entry(scheduled(work).options(retry_delay=None)) == {"max_retries": 1}


@pytest.mark.parametrize("option", ["retry", "retry_for", "no_retry_for", "typed", "version"])
def test_what_belongs_to_the_decorator_is_no_option_of_a_call(option: str) -> None:
    with pytest.raises(
        TypeError, match="retry, retry_for, no_retry_for, typed and version belong in the decorator"
    ):
        queue.task(work).options(**{option: [1]})  # pyright: ignore[reportArgumentType]


def test_a_version_is_a_short_text() -> None:
    task = queue.task(version="2")(work)
    assert getattr(task, HANDLING) == Handling(version="2")
    wrong: list[Any] = ["", " ", "a\n", "x" * 101]
    with pytest.raises(TypeError, match="version"):
        queue.task(version=cast("Any", 2))
    for version in wrong:
        with pytest.raises(InvalidValue, match="version"):
            queue.task(version=version)
