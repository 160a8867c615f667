"""Tracebacks begin at the user's own code, whatever of ours stands around it, and stay within bounds."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lapinq.middleware.logging import StructuredLogging
from lapinq.middleware.opentelemetry import OpenTelemetry
from lapinq.middleware.sentry import Sentry
from lapinq_core.domain.tasks.context import CurrentTask, current_task
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Raised
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.outcomes import MAX_TRACEBACK_CHARACTERS
from lapinq_worker.running.pools.calling import call
from lapinq_worker.running.targets import make_target
from lapinq_worker.running.time_limits import Limits
from tests.unit.lapinq_worker.claims import make_claim


class Thin(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return call()


class Translating(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ValueError as error:
            raise KeyError("translated") from error


class Grouping(Middleware):
    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ValueError as error:
            grouped = ExceptionGroup("several", [error])
        raise grouped


def traceback_of(function: Callable[..., Any], *middleware: Middleware) -> str:
    """Of a function that fails in a thread or a child process."""
    target = make_target(function, None, middleware)
    outcome = call(target, lambda: (b"[]", b"{}"), Job(make_claim(), target, Host(Limits())))
    assert isinstance(outcome, Raised)
    assert outcome.traceback
    return outcome.traceback


def frames_of(function: Callable[..., Any], *middleware: Middleware) -> list[str]:
    """The functions in that traceback."""
    lines = traceback_of(function, *middleware).splitlines()
    return [line.rpartition(" in ")[2] for line in lines if "  File " in line]


def nothing_in_it() -> None:
    raise ValueError("no good")


async def nothing_in_that() -> None:
    await asyncio.sleep(0)
    raise ValueError("no good")


def below_a_plain_decorator() -> Any:
    return nothing_in_that()


def wrong_of_ours() -> None:
    current_task().progress(500)


SHIPPED = (StructuredLogging(), Sentry(), OpenTelemetry())


@pytest.mark.parametrize(
    ("function", "middleware", "frames"),
    [
        (nothing_in_it, (), ["nothing_in_it"]),
        (nothing_in_it, SHIPPED, ["nothing_in_it"]),
        (below_a_plain_decorator, SHIPPED, ["nothing_in_that"]),
        # The frame in which it happened is shown even if it is ours.
        (wrong_of_ours, (), ["wrong_of_ours", "progress"]),
        (nothing_in_it, (*SHIPPED[:1], Thin(), *SHIPPED[:1], Thin()), ["run", "run", "nothing_in_it"]),
        # Of causes and members, too.
        (nothing_in_it, (Translating(), *SHIPPED[:1]), ["run", "nothing_in_it", "run"]),
        (nothing_in_it, (Grouping(), *SHIPPED[:1]), ["run", "run", "nothing_in_it"]),
    ],
)
def test_of_what_stands_around_a_function_only_the_users_own_frames_are_shown(
    function: Callable[..., Any], middleware: tuple[Middleware, ...], frames: list[str]
) -> None:
    assert frames_of(function, *middleware) == frames


def test_a_long_chain_is_cut_in_the_middle() -> None:
    def wrong() -> None:
        error: Exception = ValueError("the first")
        for n in range(2_000):
            later = ValueError(f"number {n}")
            later.__cause__ = error
            error = later
        raise error

    traceback = traceback_of(wrong)
    assert "ValueError: the first" in traceback
    assert traceback.endswith("ValueError: number 1999\n")
    assert "characters left out" in traceback
    assert len(traceback) < MAX_TRACEBACK_CHARACTERS + 100
