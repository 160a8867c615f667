"""What is told of a request once it is through."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from lapinq_api.middleware.timing import Timing


async def _receive() -> Message:
    return {"type": "http.request", "body": b""}


async def _send(_: Message) -> None:
    pass


async def _answers(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = "chosen"
    await send({"type": "http.response.start", "status": 418})
    await send({"type": "http.response.body", "body": b""})


async def _is_left(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def _breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a bug")


def test_all_who_ask_are_told_the_status_and_see_what_was_left_in_the_scope() -> None:
    told: list[tuple[Scope, int, float]] = []

    def note(scope: Scope, status: int, seconds: float) -> None:
        told.append((scope, status, seconds))

    asyncio.run(Timing(_answers, (note, note))({"type": "http"}, _receive, _send))
    assert [(scope["route"], status) for scope, status, _ in told] == [("chosen", 418)] * 2
    assert all(0 <= seconds < 10 for *_, seconds in told)


def test_without_an_answer_the_status_is_0() -> None:
    told: list[int] = []

    def note(_: Scope, status: int, __: float) -> None:
        told.append(status)

    asyncio.run(Timing(_is_left, (note,))({"type": "http"}, _receive, _send))
    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(Timing(_breaks, (note,))({"type": "http"}, _receive, _send))
    assert told == [0, 0]


def test_a_socket_is_not_a_request() -> None:
    def never(_: Scope, __: int, ___: float) -> None:
        pytest.fail("this was no request")

    asyncio.run(Timing(_is_left, (never,))({"type": "websocket"}, _receive, _send))
