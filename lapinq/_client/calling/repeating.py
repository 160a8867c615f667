"""Repeating calls that got no answer, or a temporary refusal.

A call is repeated until its answer comes or its time is up, and only if that can't enqueue twice: an enqueue carries an
idempotency key or the id of its task. Without one it is repeated only if it surely wasn't carried out.
"""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

from lapinq._client.calling.answer import TEMPORARY, retry_after
from lapinq._client.calling.calls import Enqueue, EnqueueBatch, RetryWorkflow
from lapinq.errors import ServerUnavailable
from lapinq_core.domain.tasks.chosen_id import MAX_REPEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias, TypeVar

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.calling.transport import Transport
    from lapinq._client.settings import ServerSettings

    T = TypeVar("T")
    # Makes the calls that it yields, and is sent their answers.
    Calls: TypeAlias = Generator[Call, Answer | None, T]

INITIAL_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 2.0
ATTEMPT_SHARE = 1 / 3
"""Of the time for a call that one attempt may take, unless that is short: a lost packet must leave time for another."""
MIN_ATTEMPT_SECONDS = 5.0
SILENT_SECONDS = 1.0
"""After which a call that is still repeated is logged, once."""
TOO_MANY_REQUESTS = 429


def deliver(transport: Transport, call: Call, server: ServerSettings, *, repeats: bool = True) -> Answer:
    """The answer to the call, repeated within `server.timeout` unless not `repeats`.

    A temporary refusal that lasts is returned. Raises `ServerUnavailable` if the last attempt isn't answered.
    """
    if not repeats:
        return transport.send(call, server, server.timeout)
    repetition = Repetition(call, server.timeout, _now())
    while True:
        try:
            answer = transport.send(call, server, repetition.attempt_seconds(_now()))
            pause = repetition.pause_after(answer, _now())
            if pause is None:
                return answer
        except ServerUnavailable as error:
            pause = repetition.pause_after_error(error, _now())
            if pause is None:
                raise
        time.sleep(pause)


async def adeliver(
    transport: Transport, call: Call, server: ServerSettings, *, repeats: bool = True
) -> Answer:
    """Like `deliver`, for coroutines."""
    if not repeats:
        return await transport.asend(call, server, server.timeout)
    import asyncio

    repetition = Repetition(call, server.timeout, _now())
    while True:
        try:
            answer = await transport.asend(call, server, repetition.attempt_seconds(_now()))
            pause = repetition.pause_after(answer, _now())
            if pause is None:
                return answer
        except ServerUnavailable as error:
            pause = repetition.pause_after_error(error, _now())
            if pause is None:
                raise
        await asyncio.sleep(pause)


def deliver_all(transport: Transport, calls: Calls[T], server: ServerSettings, *, repeats: bool = True) -> T:
    """What `calls` makes of the answers. Each is delivered before the next is asked for."""
    answer = None
    try:
        while True:
            answer = deliver(transport, calls.send(answer), server, repeats=repeats)
    except StopIteration as end:
        return end.value


async def adeliver_all(
    transport: Transport, calls: Calls[T], server: ServerSettings, *, repeats: bool = True
) -> T:
    """Like `deliver_all`, for coroutines."""
    answer = None
    try:
        while True:
            answer = await adeliver(transport, calls.send(answer), server, repeats=repeats)
    except StopIteration as end:
        return end.value


class Repetition:
    """Whether and when to repeat one call. Times are in seconds, on the caller's clock."""

    def __init__(self, call: Call, timeout: float, now: float) -> None:
        self._is_safe = _is_safe(call)
        self._timeout = timeout
        self._deadline = now + min(timeout, MAX_REPEAT_SECONDS)
        self._warns_at = now + SILENT_SECONDS
        self._pause = INITIAL_PAUSE_SECONDS

    def attempt_seconds(self, now: float) -> float:
        """The timeout of the next attempt."""
        share = max(self._timeout * ATTEMPT_SHARE, MIN_ATTEMPT_SECONDS) if self._is_safe else self._timeout
        return min(share, max(self._deadline - now, INITIAL_PAUSE_SECONDS), self._timeout)

    def pause_after(self, answer: Answer, now: float) -> float | None:
        """How long to wait before the next attempt. None to take this answer."""
        if answer.status_code not in TEMPORARY:
            return None
        if not self._is_safe and answer.status_code != TOO_MANY_REQUESTS:
            return None
        return self._next_pause(now, f"{answer.url} answered {answer.status_code}", retry_after(answer))

    def pause_after_error(self, error: ServerUnavailable, now: float) -> float | None:
        """How long to wait before the next attempt. None to raise this error."""
        if error.may_have_arrived and not self._is_safe:
            return None
        return self._next_pause(now, str(error))

    def _next_pause(self, now: float, problem: str, at_least: float = 0.0) -> float | None:
        pause = max(self._pause * random.uniform(0.5, 1.0), at_least)  # noqa: S311  # apart from other clients
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
        if now + pause >= self._deadline:
            return None
        if now >= self._warns_at:
            self._warns_at = math.inf
            _warn(problem, self._deadline - now)
        return pause


def _warn(problem: str, seconds: float) -> None:
    """Without this, a program whose server was never started seems to hang."""
    import logging

    logging.getLogger("lapinq").warning("%s; trying again for up to %.0f s", problem, seconds)


def _now() -> float:
    """Also counts the time in which the machine is suspended: the server recognizes a repetition for ten minutes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _is_safe(call: Call) -> bool:
    match call:
        case Enqueue():
            return call.idempotency_key is not None or call.task_id is not None
        case EnqueueBatch():
            return call.idempotency_key is not None
        case RetryWorkflow():  # a second one would begin another round
            return False
        case _:
            return True
