"""What is told of a request once it is through."""

from typing import Literal

import pytest
from starlette.types import Message, Receive, Scope, Send

from lapinq_api.middleware.timing import Timing


async def pass_through(
    does: Literal["answer", "leave", "break"], kind: str = "http"
) -> list[tuple[str, int]]:
    """The route and the status that each of two who ask are told."""
    told: list[tuple[str, int]] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        scope["route"] = "chosen"
        if does == "break":
            raise RuntimeError("a bug")
        if does == "answer":
            await send({"type": "http.response.start", "status": 418})
            await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(_: Message) -> None:
        pass

    def note(scope: Scope, status: int, seconds: float) -> None:
        assert 0 <= seconds < 10
        told.append((scope["route"], status))

    timing = Timing(app, (note, note))
    if does == "break":
        with pytest.raises(RuntimeError, match="a bug"):
            await timing({"type": kind}, receive, send)
    else:
        await timing({"type": kind}, receive, send)
    return told


async def test_all_who_ask_are_told_the_status_and_see_what_was_left_in_the_scope() -> None:
    assert await pass_through("answer") == [("chosen", 418)] * 2
    for without_an_answer in ("leave", "break"):
        assert await pass_through(without_an_answer) == [("chosen", 0)] * 2
    assert await pass_through("leave", kind="websocket") == []  # a socket is not a request
