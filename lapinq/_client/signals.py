"""Sending a signal, and reading the steps of a task: the calls, and what their answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from lapinq._client.calling.answer import not_lapinq, refusal
from lapinq._client.calling.calls import ReadSteps, SendSignal
from lapinq._client.calling.repeating import adeliver, deliver
from lapinq._client.entries.encoding import encode

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.transport import Transport
    from lapinq._client.settings import ServerSettings


def signal(
    transport: Transport,
    server: ServerSettings,
    task_id: str,
    name: str,
    value: object,
    *,
    repeats: bool = True,
) -> None:
    """Raises TypeError and ValueError for a value that is no JSON, `InvalidValue` for the name, `RequestRefused` and
    `ServerUnavailable`. Its repetitions send once."""
    call = _call(task_id, name, value)
    _check(call, deliver(transport, call, server, repeats=repeats))


async def asignal(
    transport: Transport,
    server: ServerSettings,
    task_id: str,
    name: str,
    value: object,
    *,
    repeats: bool = True,
) -> None:
    """Like `signal`, for coroutines."""
    call = _call(task_id, name, value)
    _check(call, await adeliver(transport, call, server, repeats=repeats))


def steps(transport: Transport, server: ServerSettings, task_id: str) -> list[dict[str, Any]]:
    """All of them. Raises `RequestRefused` and `ServerUnavailable`."""
    found: list[dict[str, Any]] = []
    call: ReadSteps | None = ReadSteps(task_id)
    while call is not None:
        call = _read(call, deliver(transport, call, server), found)
    return found


async def asteps(transport: Transport, server: ServerSettings, task_id: str) -> list[dict[str, Any]]:
    """Like `steps`, for coroutines."""
    found: list[dict[str, Any]] = []
    call: ReadSteps | None = ReadSteps(task_id)
    while call is not None:
        call = _read(call, await adeliver(transport, call, server), found)
    return found


def _call(task_id: str, name: str, value: object) -> SendSignal:
    from lapinq_core.domain.tasks.durable.calls import check_name

    check_name("name", name)
    return SendSignal(task_id, name, bytes(encode(value, "value")), f"signal-{uuid4()}")


def _check(call: SendSignal, answer: Answer) -> None:
    error = refusal(answer, f"the signal {call.name!r} was not sent to task {call.task_id}")
    if error is not None:
        raise error


def _read(call: ReadSteps, answer: Answer, found: list[dict[str, Any]]) -> ReadSteps | None:
    """Adds the page to what was found. Returns the call for the next."""
    error = refusal(answer, f"no steps of task {call.task_id}")
    if error is not None:
        raise error
    try:
        found += msgspec.json.decode(answer.body, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        raise not_lapinq(answer) from None
    cursor = answer.headers.get("x-next-cursor")
    return None if cursor is None else ReadSteps(call.task_id, cursor)
