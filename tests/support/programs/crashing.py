"""Runs the command line in a process that kills itself with SIGKILL at a given step of a task or a tick.

`python -m tests.support.programs.crashing STEP worker …` wraps the product's functions from outside, so the product
itself has no code for it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import psycopg

from lapinq.cli import main as lapinq
from lapinq_core.intake import enqueueing
from lapinq_core.schedules import firing
from lapinq_core.tasks import claiming, worker_verbs
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.settling.settler import Settler

Verb = Callable[..., Awaitable[Any]]

TURNS_TO_SEND = 3  # of the event loop, after which a short statement is on its way


class Step(StrEnum):
    """Where the process dies."""

    BEFORE_CLAIM = "before the claim"
    CLAIM_SENT = "with the claim sent and its answer not read"
    CLAIMED = "after the claim"
    BEFORE_FUNCTION = "before the function is called"
    FUNCTION_RETURNED = "with the outcome in hand"
    BEFORE_COMPLETE = "before the completion"
    COMPLETE_SENT = "with the completion sent and its answer not read"
    COMPLETED = "after the completion"
    BEFORE_SETTLE = "before a failure is written"
    SETTLED = "after a failure is written"
    TICK_SEEN = "with a tick seen that is due"
    TICK_LOCKED = "with the schedule of a tick locked"
    TICK_NOTED = "with a tick noted and not committed"
    TICK_STORED = "with the task of a tick stored and not committed"
    TICK_COMMITTED = "after the commit of a tick"


def arm(step: Step) -> None:
    """From now on this process dies at `step`."""
    match step:
        case Step.BEFORE_CLAIM:
            claiming.take = _die
        case Step.CLAIM_SENT:
            claiming.take = _sent(claiming.take)
        case Step.CLAIMED:
            claiming.take = _answered(claiming.take, lambda taken: bool(taken.claims))
        case Step.BEFORE_FUNCTION:
            # From here on it is the pools' to start.
            Dispatcher.offer = _die
        case Step.FUNCTION_RETURNED:
            Settler.add = _die
        case Step.BEFORE_COMPLETE:
            worker_verbs.complete = _die
        case Step.COMPLETE_SENT:
            worker_verbs.complete = _sent(worker_verbs.complete)
        case Step.COMPLETED:
            worker_verbs.complete = _answered(worker_verbs.complete)
        case Step.BEFORE_SETTLE:
            worker_verbs.settle = _of_its_own(worker_verbs.settle, _die)
        case Step.SETTLED:
            worker_verbs.settle = _of_its_own(
                worker_verbs.settle, _answered(worker_verbs.settle, lambda answer: answer[0] > 0)
            )
        case Step.TICK_SEEN:
            firing.fire = _die
        case Step.TICK_LOCKED:
            firing.lock = _answered(firing.lock)
        case Step.TICK_NOTED:
            firing.resolve_overlaps = _die
        case Step.TICK_STORED:
            enqueueing.enqueue = _answered(enqueueing.enqueue)
        case Step.TICK_COMMITTED:
            firing.fire = _answered(firing.fire, lambda answer: bool(answer[0]))


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _sent(verb: Verb) -> Verb:
    async def send_and_die(connection: psycopg.AsyncConnection, *args: Any, **kwargs: Any) -> Any:
        connection.prepare_threshold = None  # a statement to prepare would be sent in two parts
        under_way = asyncio.ensure_future(verb(connection, *args, **kwargs))
        for _ in range(TURNS_TO_SEND):
            await asyncio.sleep(0)
        _die(under_way)  # should the answer be here already, nobody has read it either

    return send_and_die


def _answered(verb: Verb, is_step: Callable[[Any], bool] = bool) -> Verb:
    async def await_and_die(*args: Any, **kwargs: Any) -> Any:
        answer = await verb(*args, **kwargs)
        # A look that found nothing is no step of a task.
        return _die() if is_step(answer) else answer

    return await_and_die


def _of_its_own(settle: Verb, dying: Verb) -> Verb:
    """`dying` for the worker's own attempts. On a busy machine it may rescue others' before its own task has begun."""

    def either(*args: Any, rescued: bool = False, **kwargs: Any) -> Awaitable[Any]:
        return settle(*args, rescued=True, **kwargs) if rescued else dying(*args, **kwargs)

    return either


if __name__ == "__main__":
    arm(Step(sys.argv.pop(1)))
    lapinq()
