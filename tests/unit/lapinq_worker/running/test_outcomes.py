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
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.errors import Cancel, RateLimited, RetryError, Snooze, TimeLimit
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.context import CurrentTask, running
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
from lapinq_core.importing import TaskNotFound
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.outcomes import (
    MAX_ERROR_CHARACTERS,
    MAX_RESULT_BYTES,
    MAX_TRACEBACK_CHARACTERS,
    raised,
    returned,
)
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


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), '"2030-01-02T03:04:05Z"'),
        (date(2030, 1, 2), '"2030-01-02"'),
        (timedelta(minutes=1), '"PT60S"'),
        (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Decimal("1.10"), '"1.10"'),
        (Point(1, None), '{"x":1,"y":null}'),
        (Place("ä", [Point(1, 2.5)]), '{"name":"ä","points":[{"x":1,"y":2.5}]}'),
        (Colour.RED, '"red"'),
        (Number.ONE, "1"),
        ((1, 2), "[1,2]"),
        ({5}, "[5]"),
        (time(3, 4, 5), '"03:04:05"'),
        (frozenset([1]), "[1]"),
        (b"\x00\xff", '"AP8="'),
        ({1: "a"}, '{"1":"a"}'),
        (2**70, str(2**70)),
        ("\x00", '"\\u0000"'),
        (None, "null"),
        ([None, 1.5, "null", {"a": None}], '[null,1.5,"null",{"a":null}]'),
    ],
)
def test_common_python_values_have_a_json_form(value: object, stored: str) -> None:
    assert returned(value) == Completed(stored)


@pytest.mark.parametrize("value", [object(), 1j, {"deep": [object()]}, "\ud800", {("a", "b"): 1}])
def test_what_has_no_json_form_is_unstorable(value: object) -> None:
    outcome = returned(value)
    assert isinstance(outcome, Unstorable)
    assert outcome.error.startswith("the function ran to its end, but its result can't be stored as JSON: ")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinities_are_unstorable_and_not_silently_null(number: float) -> None:
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
        (KeyboardInterrupt("x"), "KeyboardInterrupt: x", "KeyboardInterrupt: x"),
        (GeneratorExit("x"), "GeneratorExit: x", "GeneratorExit: x"),
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


def test_a_traceback_begins_and_ends_as_pythons() -> None:
    traceback = failing(ValueError("no good")).traceback
    assert traceback is not None
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert traceback.endswith("ValueError: no good\n")


def test_long_texts_keep_their_beginning_and_end() -> None:
    outcome = failing(ValueError(f"begin{'x' * 1_000_000}end"))
    assert outcome.error.startswith("ValueError: begin")
    assert outcome.error.endswith("end")
    assert "characters left out" in outcome.error
    assert len(outcome.error) < MAX_ERROR_CHARACTERS + 100
    assert outcome.traceback is not None
    assert len(outcome.traceback) < MAX_TRACEBACK_CHARACTERS + 100


def test_the_traceback_begins_at_the_users_frame() -> None:
    # The frames of the worker stand above it; see `calling.call`.
    from lapinq_worker.running.pools.calling import call
    from tests.support.sample.tasks import fail

    outcome = call(Target(fail), b'["no good"]', b"{}")
    assert isinstance(outcome, Raised)
    assert outcome.traceback is not None
    first = outcome.traceback.splitlines()[1]
    assert first.endswith("in fail")
    assert "lapinq_worker" not in outcome.traceback


def test_the_traceback_of_a_failed_import_begins_at_the_users_module(tmp_path: Any, monkeypatch: Any) -> None:
    from lapinq_core.importing import resolve

    (tmp_path / "broken_at_import.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        resolve("broken_at_import", "f")
    outcome = raised(caught.value)
    assert isinstance(outcome, Raised)
    assert outcome.traceback is not None
    frames = [line for line in outcome.traceback.splitlines() if line.startswith("  File")]
    # Only what is above resolve is the test's own.
    assert "broken_at_import.py" in frames[-1]
    assert len(frames) == 1 or "test_outcomes" in frames[0]


def test_a_package_whose_name_begins_like_ours_is_the_users(tmp_path: Any) -> None:
    # Its folder stands beside lapinq_worker's own: lapinq_worker_plugins is no part of lapinq_worker.
    from lapinq_core.runtime.users_traceback import LAPINQ
    from lapinq_worker.running.outcomes import _ABOVE_THE_USER  # pyright: ignore[reportPrivateUsage]

    ours = [prefix for prefix in (*LAPINQ, *_ABOVE_THE_USER) if "lapinq" in prefix]
    assert len(ours) > 3
    assert all(prefix.endswith("/") for prefix in ours)


def test_a_task_that_cannot_be_found_has_no_traceback() -> None:
    assert failing(TaskNotFound("no module 'x'")) == Raised("TaskNotFound: no module 'x'")


def test_a_retry_is_asked_for_with_its_countdown() -> None:
    outcome = failing(RetryError(2.5, "not yet"))
    assert isinstance(outcome, RetryAsked)
    assert (outcome.countdown, outcome.error) == (2.5, "RetryError: not yet")
    assert outcome.traceback is not None


@pytest.mark.parametrize(
    ("countdown", "kept"),
    [
        (-5, 0.0),
        (float("nan"), 0.0),
        (float("inf"), MAX_SECONDS),
        (1e300, MAX_SECONDS),
        (True, 1.0),
        ("3", 3.0),
        (Decimal("1.5"), 1.5),
    ],
)
def test_a_countdown_is_one_that_the_database_can_add_to_a_time(countdown: Any, kept: float) -> None:
    outcome = failing(RetryError(countdown, "later"))
    assert isinstance(outcome, RetryAsked)
    assert outcome.countdown == kept


@pytest.mark.parametrize("countdown", ["soon", None, [], NoNumber()])
def test_a_countdown_that_is_no_number_is_a_failure_like_others(countdown: Any) -> None:
    outcome = failing(RetryError(countdown, "later"))
    assert outcome.error == "RetryError: later"
    assert isinstance(outcome, Raised)


def test_a_snooze_for_what_is_no_number_is_a_failure_like_others() -> None:
    error = Snooze(5)
    error.seconds = "soon"  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(raised(error), Raised)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimited("api", 30), Throttled("api", 30)),
        (RateLimited("api", -1), Throttled("api", 0)),
        (RateLimited("api", float("inf")), Throttled("api", 86_400)),
        (RateLimited("a\x00b", 1), Throttled("a\\x00b", 1)),
        (TimeLimit(5), TimedOut(5)),
        (Cancel("nobody needs it\x00"), Cancelled("nobody needs it\\x00")),
        (type("Obsolete", (Cancel,), {})(), Cancelled("the task cancelled itself")),
        (Snooze(2.5), Snoozed(2.5)),
        (Snooze(-1), Snoozed(0.0)),
        (Snooze(float("nan")), Snoozed(0.0)),
        (Snooze(1e300), Snoozed(MAX_SECONDS)),
    ],
)
def test_what_a_task_asks_for_is_done_within_bounds(error: BaseException, outcome: object) -> None:
    assert raised(error) == outcome


def test_the_reason_of_a_task_that_cancels_itself_is_shortened() -> None:
    outcome = raised(Cancel("x" * 10_000))
    assert isinstance(outcome, Cancelled)
    assert len(outcome.reason) < MAX_ERROR_CHARACTERS + 100


NOT_TWICE = Handling(no_retry_for=(KeyError, OSError))


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError("x")])
def test_what_is_not_to_be_retried_is_refused(error: Exception) -> None:
    outcome = raised(error, NOT_TWICE)
    assert isinstance(outcome, Unretryable)
    assert outcome.error.startswith(type(error).__name__)
    assert outcome.traceback


def test_what_else_is_raised_is_a_failure_like_others() -> None:
    assert isinstance(raised(ValueError("x"), NOT_TWICE), Raised)
    assert isinstance(raised(KeyError("x"), Handling()), Raised)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RetryError(1), RetryAsked),
        (Snooze(1), Snoozed),
        (Cancel(), Cancelled),
        (TimeLimit(1), TimedOut),
        (RateLimited("api"), Throttled),
    ],
)
def test_what_a_task_asks_for_goes_before_what_is_not_to_be_retried(
    error: BaseException, outcome: type
) -> None:
    assert isinstance(raised(error, Handling(no_retry_for=(BaseException,))), outcome)


def test_a_type_that_cannot_be_asked_for_its_instances_is_passed_over() -> None:
    class Moody(type):
        def __instancecheck__(cls, instance: object) -> bool:
            raise SystemExit

    class Error(Exception, metaclass=Moody):
        pass

    assert isinstance(raised(ValueError("x"), Handling(no_retry_for=(Error,))), Raised)


def misfit(function: Callable[..., Any], args: bytes, *middleware: Middleware) -> Raised:
    """The outcome of `function` with arguments that do not fit."""
    from lapinq_worker.running.pools import calling

    target = make_target(function, None, middleware)
    try:
        calling._run(None, target.function, json.loads(args), {})  # pyright: ignore[reportPrivateUsage]
    except TypeError as error:
        outcome = raised(error, None, target.function)
        assert isinstance(outcome, Raised)
        return outcome
    pytest.fail("they fit")


def test_arguments_that_do_not_fit_are_told_with_the_signature() -> None:
    outcome = misfit(tasks.add, b"[1]")
    assert outcome.error == (
        "TypeError: add() missing 1 required positional argument: 'b';"
        " the signature is add(a: int, b: int) -> int"
    )


def test_a_function_in_c_may_have_no_signature_to_show() -> None:
    assert "; next has no signature to show" in misfit(next, b"[]").error


def test_the_signature_is_that_of_the_function_below_the_middleware() -> None:
    class Passing(Middleware):
        def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
            return call()

    job = Job(make_claim(), Target(tasks.add), Host(Limits()))
    token = running.set(job)
    try:
        assert misfit(tasks.add, b"[1]", Passing()).error.endswith(
            "; the signature is add(a: int, b: int) -> int"
        )
    finally:
        running.reset(token)


def test_a_type_error_of_the_functions_own_shows_no_signature() -> None:
    def wrong() -> None:
        len(typing.cast("Any", 5))

    assert misfit(wrong, b"[]").error == "TypeError: object of type 'int' has no len()"


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
