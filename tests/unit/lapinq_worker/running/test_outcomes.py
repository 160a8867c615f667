"""From what a function returned or raised to an outcome that can be told and stored."""

import dataclasses
import json
import subprocess
import sys
import typing
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.errors import Cancel, RateLimited, RetryError, Snooze, TimeLimit
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.context import CurrentTask
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Completed,
    Raised,
    RetryAsked,
    Snoozed,
    Throttled,
    TimedOut,
    Unretryable,
    Unstorable,
)
from lapinq_core.importing import TaskNotFound, resolve
from lapinq_core.runtime.users_traceback import LAPINQ
from lapinq_worker.running import outcomes
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.outcomes import (
    MAX_ERROR_CHARACTERS,
    MAX_RESULT_BYTES,
    MAX_TRACEBACK_CHARACTERS,
    raised,
    returned,
)
from lapinq_worker.running.pools.calling import call
from lapinq_worker.running.targets import make_target
from lapinq_worker.running.time_limits import Limits
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@dataclasses.dataclass
class Point:
    x: int
    y: float | None


class Place(msgspec.Struct):
    name: str
    points: list[Point]


class Colour(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class NoNumber:
    def __float__(self) -> float:
        raise SystemExit


class Unreadable(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Unprintable(Exception):
    def __getattribute__(self, name: str) -> Any:
        if name == "__notes__":
            raise SystemExit
        return super().__getattribute__(name)


def failing(error: BaseException) -> Raised | RetryAsked:
    """The outcome of a function that raises `error`."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  # whatever the test raises
        outcome = raised(caught)
    assert isinstance(outcome, (Raised, RetryAsked))
    return outcome


@given(json_values)
def test_json_values_are_kept_as_they_are(value: object) -> None:
    outcome = returned(value)
    assert isinstance(outcome, Completed)
    assert json.loads(outcome.result) == value


def test_common_python_values_have_a_json_form() -> None:
    for value, stored in (
        (datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), '"2030-01-02T03:04:05Z"'),
        (date(2030, 1, 2), '"2030-01-02"'),
        (time(3, 4, 5), '"03:04:05"'),
        (timedelta(minutes=1), '"PT60S"'),
        (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Decimal("1.10"), '"1.10"'),
        (Point(1, None), '{"x":1,"y":null}'),
        (Place("ä", [Point(1, 2.5)]), '{"name":"ä","points":[{"x":1,"y":2.5}]}'),
        (Colour.RED, '"red"'),
        (Number.ONE, "1"),
        ((1, 2), "[1,2]"),
        (frozenset([1]), "[1]"),
        (b"\x00\xff", '"AP8="'),
        ({1: "a"}, '{"1":"a"}'),
        (2**70, str(2**70)),
        ("\x00", '"\\u0000"'),
        ([None, 1.5, "null", {"a": None}], '[null,1.5,"null",{"a":null}]'),
    ):
        assert returned(value) == Completed(stored)


def test_what_has_no_json_form_is_unstorable() -> None:
    for value in (object(), 1j, {"deep": [object()]}, "\ud800", {("a", "b"): 1}):
        outcome = returned(value)
        assert isinstance(outcome, Unstorable), value
        assert outcome.error.startswith(
            "the function ran to its end, but its result can't be stored as JSON: "
        )
    for number in (float("nan"), float("inf"), float("-inf")):  # and not silently null
        for value in (number, [number], {"a": (1, number)}, Point(1, number), {1: number}):
            outcome = returned(value)
            assert isinstance(outcome, Unstorable), value
            assert "NaN" in outcome.error


def test_what_is_nested_too_deep_is_unstorable() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert isinstance(returned(value), Unstorable)
    while value:  # taken apart gently, for the interpreter would recurse
        value = value.pop()
    value.append(value)
    assert isinstance(returned(value), Unstorable)


@pytest.mark.parametrize(
    ("given", "most", "told"),
    [((), MAX_RESULT_BYTES, "16,777,218 bytes, more than 16,777,216"), ((10,), 10, "12 bytes, more than 10")],
    ids=["by default", "chosen"],
)
def test_a_result_too_large_is_unstorable(given: tuple[int, ...], most: int, told: str) -> None:
    assert isinstance(returned("x" * (most - 2), *given), Completed)
    outcome = returned("x" * most, *given)
    assert isinstance(outcome, Unstorable)
    assert f"it has {told} (LAPINQ_MAX_RESULT_SIZE)" in outcome.error


def caused() -> ValueError:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    return error


SEVERAL = ExceptionGroup("several", [ValueError("one"), KeyError("two")])


@pytest.mark.parametrize(
    ("error", "told", "in_traceback"),
    [
        (ValueError("no good"), "ValueError: no good", "Traceback (most recent call last):\n"),
        (KeyError(), "KeyError", "KeyError"),
        (caused(), "ValueError: outer", "KeyError: 'inner'"),
        (SEVERAL, "ExceptionGroup: several (2 sub-exceptions)", "ValueError: one"),
        (SystemExit(3), "SystemExit: 3", "SystemExit: 3"),
        (ValueError("a\x00b\ud800c"), "ValueError: a\\x00b\\ud800c", "ValueError: a\\x00b\\ud800c"),
        (Unreadable(), "Unreadable: (its message can't be read: KeyboardInterrupt)", ""),
        (Unprintable("x"), "Unprintable: x", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_told_with_its_type_and_traceback(
    error: BaseException, told: str, in_traceback: str
) -> None:
    outcome = failing(error)
    assert outcome.error == told
    traceback = outcome.traceback or ""
    assert in_traceback in traceback
    assert "\x00" not in traceback
    traceback.encode()


def test_long_texts_keep_their_beginning_and_end() -> None:
    outcome = failing(ValueError(f"begin{'x' * 1_000_000}end"))
    assert outcome.error.startswith("ValueError: begin")
    assert outcome.error.endswith("end")
    assert "characters left out" in outcome.error
    assert len(outcome.error) < MAX_ERROR_CHARACTERS + 100
    assert outcome.traceback is not None
    assert len(outcome.traceback) < MAX_TRACEBACK_CHARACTERS + 100
    cancelled = raised(Cancel("x" * 10_000))
    assert isinstance(cancelled, Cancelled)
    assert len(cancelled.reason) < MAX_ERROR_CHARACTERS + 100


def test_the_traceback_of_a_failed_import_begins_at_the_users_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_at_import.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    with pytest.raises(ZeroDivisionError) as caught:
        resolve("broken_at_import", "f")
    outcome = raised(caught.value)
    assert isinstance(outcome, Raised)
    assert outcome.traceback is not None
    frames = [line for line in outcome.traceback.splitlines() if line.startswith("  File")]
    # Only what is above resolve is the test's own.
    assert "broken_at_import.py" in frames[-1]
    assert len(frames) == 1 or "test_outcomes" in frames[0]


def test_a_package_whose_name_begins_like_ours_is_the_users() -> None:
    # Its folder stands beside lapinq_worker's own: lapinq_worker_plugins is no part of lapinq_worker.
    above = outcomes._ABOVE_THE_USER  # pyright: ignore[reportPrivateUsage]
    ours = [prefix for prefix in (*LAPINQ, *above) if "lapinq" in prefix]
    assert len(ours) > 3
    assert all(prefix.endswith("/") for prefix in ours)


def test_a_task_that_cannot_be_found_has_no_traceback() -> None:
    assert failing(TaskNotFound("no module 'x'")) == Raised("TaskNotFound: no module 'x'")


def test_a_retry_is_asked_for_with_a_countdown_that_the_database_can_add_to_a_time() -> None:
    for countdown, kept in (
        (2.5, 2.5),
        (-5, 0.0),
        (float("nan"), 0.0),
        (float("inf"), MAX_SECONDS),
        (1e300, MAX_SECONDS),
        (True, 1.0),
        ("3", 3.0),
        (Decimal("1.5"), 1.5),
    ):
        outcome = failing(RetryError(countdown, "not yet"))  # pyright: ignore[reportArgumentType]
        assert isinstance(outcome, RetryAsked)
        assert (outcome.countdown, outcome.error) == (kept, "RetryError: not yet")
        assert outcome.traceback is not None


def test_a_time_that_is_no_number_is_a_failure_like_others() -> None:
    countdowns: list[Any] = ["soon", None, [], NoNumber()]
    for countdown in countdowns:
        error = RetryError(message="later")
        error.countdown = countdown
        outcome = failing(error)
        assert outcome.error == "RetryError: later"
        assert isinstance(outcome, Raised)
    error = Snooze(5)
    error.seconds = "soon"  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(raised(error), Raised)


def test_what_a_task_asks_for_is_done_within_bounds() -> None:
    for error, outcome in (
        (RateLimited("api", 30), Throttled("api", 30)),
        (RateLimited("api", -1), Throttled("api", 0)),
        (RateLimited("api", float("inf")), Throttled("api", 86_400)),
        (RateLimited("a\x00b", 1), Throttled("a\\x00b", 1)),
        (TimeLimit(5), TimedOut(5)),
        (Cancel("nobody needs it\x00"), Cancelled("nobody needs it\\x00")),
        (type("Obsolete", (Cancel,), {})(), Cancelled("the task cancelled itself")),
        (Snooze(2.5), Snoozed(2.5)),
        (Snooze(float("nan")), Snoozed(0.0)),
        (Snooze(1e300), Snoozed(MAX_SECONDS)),
    ):
        assert raised(error) == outcome


class Moody(type):
    """Can't be asked for its instances."""

    def __instancecheck__(cls, instance: object) -> bool:
        raise SystemExit


class MoodyError(Exception, metaclass=Moody):
    pass


def test_only_what_is_not_to_be_retried_is_refused_and_not_what_a_task_asks_for() -> None:
    twice, never = Handling(no_retry_for=(KeyError, OSError)), Handling(no_retry_for=(BaseException,))
    only = Handling(retry_for=(LookupError,), no_retry_for=(KeyError,))
    for error, handling, outcome in (
        (IndexError("x"), only, Raised),
        (KeyError("x"), only, Unretryable),
        (ValueError("x"), only, Unretryable),
        (RetryError(1), only, RetryAsked),
        (TimeLimit(1), only, TimedOut),
        (KeyError("x"), twice, Unretryable),
        (FileNotFoundError("x"), twice, Unretryable),
        (ValueError("x"), twice, Raised),
        (KeyError("x"), Handling(), Raised),
        (ValueError("x"), Handling(no_retry_for=(MoodyError,)), Raised),
        (RetryError(1), never, RetryAsked),
        (Snooze(1), never, Snoozed),
        (Cancel(), never, Cancelled),
        (TimeLimit(1), never, TimedOut),
        (RateLimited("api"), never, Throttled),
    ):
        found = raised(error, handling)
        assert type(found) is outcome, error
        if isinstance(found, Unretryable):
            assert found.error.startswith(type(error).__name__)
            assert found.traceback


def test_the_time_limit_is_retried_unless_the_decorator_says_otherwise() -> None:
    for handling, is_retried in (
        (Handling(), True),
        (Handling(retry_for=(TimeLimit,)), True),
        (Handling(retry_for=(BaseException,)), True),
        (Handling(retry_for=(KeyError,)), False),
        (Handling(no_retry_for=(TimeLimit,)), False),
        (Handling(retry_for=(TimeLimit,), no_retry_for=(BaseException,)), False),
    ):
        assert handling.retries_time_limit is is_retried


class Passing(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return call()


def wrong() -> None:
    len(typing.cast("Any", 5))


@pytest.mark.parametrize(
    ("function", "args", "middleware", "told"),
    [
        (
            tasks.add,
            b"[1]",
            (),
            "TypeError: add() missing 1 required positional argument: 'b';"
            " the signature is add(a: int, b: int) -> int",
        ),
        (tasks.add, b"[1]", (Passing(),), "'b'; the signature is add(a: int, b: int) -> int"),
        (next, b"[]", (), "; next has no signature to show"),  # written in C
        (wrong, b"[]", (), "TypeError: object of type 'int' has no len()"),  # an error of its own
    ],
)
def test_arguments_that_do_not_fit_are_told_with_the_signature(
    function: Callable[..., Any], args: bytes, middleware: tuple[Middleware, ...], told: str
) -> None:
    target = make_target(function, None, middleware)
    outcome = call(target, lambda: (args, b"{}"), Job(make_claim(), Target(function), Host(Limits())))
    assert isinstance(outcome, Raised)
    assert outcome.error.endswith(told)


def test_looking_at_outcomes_imports_no_user_code() -> None:
    # What a child process loads before its first call; each import here is paid by every child.
    loaded = subprocess.check_output(
        [
            sys.executable,
            "-c",
            "import sys, lapinq_worker.running.pools.child_side.main; print(*sys.modules)",
        ],
        text=True,
    ).split()
    assert not {"psycopg", "sqlalchemy", "alembic", "uvloop", "click", "httpx", "starlette"} & set(loaded)
