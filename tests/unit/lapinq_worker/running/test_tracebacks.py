"""Tracebacks begin at the user's own code, whatever of ours stands around it, and stay within bounds."""

import asyncio
import contextvars
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from lapinq.middleware.logging import StructuredLogging
from lapinq.middleware.opentelemetry import OpenTelemetry
from lapinq.middleware.sentry import Sentry
from lapinq_core.domain.tasks.context import CurrentTask, current_task, running
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Outcome, Raised
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.outcomes import MAX_TRACEBACK_CHARACTERS, raised
from lapinq_worker.running.targets import make_target
from lapinq_worker.running.time_limits import Limits
from tests.unit.lapinq_worker.claims import make_claim

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@dataclasses.dataclass
class Thin(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()


def frames_of(outcome: Outcome) -> list[str]:
    """The functions in its traceback."""
    assert isinstance(outcome, Raised)
    assert outcome.traceback
    return [line.rpartition(" in ")[2] for line in outcome.traceback.splitlines() if "  File " in line]


def failed_in(function: Callable[..., Any], *middleware: Middleware) -> Outcome:
    """The outcome of `function` in the way of a child process."""
    from lapinq_worker.running.pools import calling

    target = make_target(function, None, middleware)
    job = Job(make_claim(), target, Host(Limits()))

    def run() -> Outcome:
        running.set(job)
        try:
            calling._run(job, target.function, [], {})  # pyright: ignore[reportPrivateUsage]
        except BaseException as error:  # noqa: BLE001  # what the function raises
            # As if caught by ours: this function is the test's.
            return raised(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        pytest.fail("it did not fail")

    return contextvars.copy_context().run(run)


def nothing_in_it() -> None:
    raise ValueError("no good")


async def nothing_in_that() -> None:
    await asyncio.sleep(0)
    raise ValueError("no good")


def below_a_plain_decorator() -> Any:
    return nothing_in_that()


@pytest.mark.parametrize(
    "middleware", [(), (StructuredLogging(),), (StructuredLogging(), Sentry(), OpenTelemetry())]
)
def test_no_frame_of_ours_stands_above_the_function(middleware: tuple[Middleware, ...]) -> None:
    assert frames_of(failed_in(nothing_in_it, *middleware)) == ["nothing_in_it"]
    assert frames_of(failed_in(below_a_plain_decorator, *middleware)) == ["nothing_in_that"]
    assert frames_of(failed_in(nothing_in_that, *middleware))[-1] == "nothing_in_that"


def test_of_several_middlewares_only_the_users_own_frames_are_shown() -> None:
    middleware = (StructuredLogging(), Thin(), StructuredLogging(), Thin())
    assert frames_of(failed_in(nothing_in_it, *middleware)) == ["run", "run", "nothing_in_it"]


def test_the_frame_in_which_it_happened_is_shown_even_if_it_is_ours() -> None:
    def wrong() -> None:
        current_task().progress(500)

    assert frames_of(failed_in(wrong)) == ["wrong", "progress"]


def test_causes_and_members_lose_our_frames_too() -> None:
    class Translating(Middleware):
        def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
            try:
                return call()
            except ValueError as error:
                raise KeyError("translated") from error

    outcome = failed_in(nothing_in_it, Translating(), StructuredLogging())
    assert frames_of(outcome) == ["run", "nothing_in_it", "run"]

    class Grouping(Middleware):
        def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
            try:
                return call()
            except ValueError as error:
                grouped = ExceptionGroup("several", [error])
            raise grouped

    outcome = failed_in(nothing_in_it, Grouping(), StructuredLogging())
    assert frames_of(outcome) == ["run", "run", "nothing_in_it"]


def test_a_long_chain_is_cut_in_the_middle() -> None:
    def wrong() -> None:
        error: Exception = ValueError("the first")
        for n in range(2_000):
            later = ValueError(f"number {n}")
            later.__cause__ = error
            error = later
        raise error

    outcome = failed_in(wrong)
    assert isinstance(outcome, Raised)
    assert outcome.traceback
    assert "ValueError: the first" in outcome.traceback
    assert outcome.traceback.endswith("ValueError: number 1999\n")
    assert "characters left out" in outcome.traceback
    assert len(outcome.traceback) < MAX_TRACEBACK_CHARACTERS + 100
