"""Claims and jobs as a worker gets them, without a database."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import msgspec

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits


def make_claim(**values: Any) -> Claim:
    """A claim of a task that adds one and one; override only what the test is about."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "task_name": "add",
        "module_path": "tests.support.sample.tasks",
        "args": msgspec.Raw(b"[1,1]"),
        "kwargs": msgspec.Raw(b"{}"),
        "attempt": 1,
        "max_retries": 3,
        "retry_delay": 10.0,
        "retry_backoff": True,
        "rank": 0,
        "seq": 1,
        "token": "11111111-1111-4111-8111-111111111111",
    }
    return Claim(**{**defaults, **values})


def make_job(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Job:
    """A job that calls `function`, which a child process finds by its name."""
    return make_limited_job(function, None, *args, **kwargs)


def make_limited_job(
    function: Callable[..., Any], time_limit: float | None, *args: Any, **kwargs: Any
) -> Job:
    """The same with a time limit of its own."""
    claim = make_claim(
        task_name=function.__qualname__,
        module_path=function.__module__,
        args=msgspec.Raw(msgspec.json.encode(args)),
        kwargs=msgspec.Raw(msgspec.json.encode(kwargs)),
        timeout=time_limit,
    )
    return Job(claim, Target(function), Host(Limits()))


def scanned(choice: QueueChoice, ranks: Mapping[str, int], paused: Iterable[str] = ()) -> None:
    """A full scan found these queues, each with its first task at this rank."""
    choice.scanned({queue: (rank, 0) for queue, rank in ranks.items()}, paused)


def first(choice: QueueChoice, wanted: int, least: int = 1, alone: Container[str] = ()) -> Ask | None:
    """The first of the next asks, if there is one."""
    return next(iter(choice.next(wanted, least, alone)), None)


def next_turn(choice: QueueChoice, wanted: int, least: int = 1, alone: Container[str] = ()) -> Ask:
    """The same where there is one."""
    turn = first(choice, wanted, least, alone)
    assert turn is not None
    return turn
