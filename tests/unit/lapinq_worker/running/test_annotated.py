"""Functions that get their arguments as annotated, as a target's caller sees them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from lapinq_core.domain.annotations.typed_function import typed_parameters
from lapinq_core.domain.errors import TypeMismatch
from lapinq_core.domain.tasks.context import CurrentTask
from lapinq_core.domain.tasks.decide import Fail, decide
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Completed, Outcome, Raised, Unretryable
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.pools.calling import call
from lapinq_worker.running.targets import load_target, make_target
from lapinq_worker.running.time_limits import Limits
from tests.support.sample import typed_tasks
from tests.unit.lapinq_worker.claims import make_claim

ID = UUID("0198f3c2-7a10-7000-8000-000000000001")
LINE = {"product": str(ID), "colour": "red"}
ORDER = {"number": 1, "lines": [LINE]}


class Watching(Middleware):
    """Notes what passes it."""

    def __init__(self) -> None:
        self.seen = list[Any]()

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        try:
            result = call()
        except Exception as error:
            self.seen.append(error)
            raise
        self.seen.append(result)
        return result


@pytest.fixture(params=[False, True], ids=["bare", "watched"])
def middleware(request: pytest.FixtureRequest) -> tuple[Watching, ...]:
    return (Watching(),) if request.param else ()


def called(target: Target, *args: Any, **kwargs: Any) -> Outcome:
    """How a task ends in a thread or a child process."""
    attempt = Job(make_claim(), target, Host(Limits()))
    return call(target, lambda: (msgspec.json.encode(args), msgspec.json.encode(kwargs)), attempt)


def outcome_of(task_name: str, middleware: tuple[Middleware, ...], *args: Any, **kwargs: Any) -> Outcome:
    """The same of one of `typed_tasks`."""
    return called(load_target(typed_tasks.__name__, task_name, (), middleware), *args, **kwargs)


def test_arguments_arrive_as_annotated_inside_the_middleware_and_a_model_is_a_result(
    middleware: tuple[Watching, ...],
) -> None:
    outcome = outcome_of("Shop.close", middleware, "2026-05-01T12:00:00")
    assert outcome == Completed('{"number":2026,"lines":[]}')
    for each in middleware:
        assert list(map(type, each.seen)) == [typed_tasks.Order]
    # Switched off, they arrive as JSON has them.
    assert outcome_of("untyped", middleware, ORDER, "noon") == Completed('["dict","str"]')


def test_a_misfit_is_refused_names_the_argument_and_passes_the_middleware(
    middleware: tuple[Watching, ...],
) -> None:
    outcome = outcome_of("Shop.close", middleware, "noon")
    message = "Shop.close(): argument 'at': Invalid RFC3339 encoded datetime"
    assert outcome == Unretryable(message)
    assert decide(RetryPolicy(max_retries=5), 1, outcome, 0.5) == Fail(message)
    for each in middleware:
        assert [type(error).__mro__[1] for error in each.seen] == [TypeMismatch]
    # A wrong number of arguments still shows the signature.
    outcome = outcome_of("Shop.close", middleware)
    assert isinstance(outcome, Raised)
    assert outcome.error.endswith("; the signature is close(at: 'datetime') -> 'Order'")


def test_a_mismatch_that_the_functions_own_code_raises_may_be_retried() -> None:
    def enqueue(key: UUID) -> None:
        raise TypeMismatch(f"other(): argument 'key': {key}")

    assert isinstance(
        called(make_target(enqueue, parameters=typed_parameters(enqueue, "enqueue")), ID), Raised
    )


def test_another_error_of_a_users_class_may_be_retried_and_shows_the_users_frames(
    middleware: tuple[Watching, ...],
) -> None:
    @dataclass
    class Moody:
        key: UUID

        def __post_init__(self) -> None:
            raise ConnectionError("no database")

    def work(moody: Moody) -> None: ...

    outcome = called(make_target(work, None, middleware, typed_parameters(work, "work")), {"key": ID})
    assert isinstance(outcome, Raised)
    assert outcome.error == "ConnectionError: no database"
    lines = (outcome.traceback or "").splitlines()
    frames = [line.rpartition(" in ")[2] for line in lines if "  File " in line]
    assert frames == [*("run" for _ in middleware), "__post_init__"]


def test_a_coroutine_gets_them_too() -> None:
    target = load_target(typed_tasks.__name__, "atake")
    assert target.is_coroutine
    args, kwargs = target.decode(msgspec.json.encode([ORDER]), b'{"due":"2026-05-01"}')
    assert asyncio.run(target.function(*args, **kwargs)) == ["Order", ["Line"], {"due": "date"}]
