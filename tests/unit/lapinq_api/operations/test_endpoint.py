"""What an endpoint sees to, whatever its handler does."""

from typing import cast

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from starlette.types import Scope as AsgiScope

from lapinq_api.credentials.caller import ACTOR_KEY, require_read
from lapinq_api.operations.endpoint import Endpoint, Needs, Operation
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Actor, ActorKind, Scope

LIMITED = Actor(kind=ActorKind.KEY, name="mail", scopes=frozenset({Scope.READ}), queues=frozenset({"mail"}))


async def careless(_state: State, _request: Request) -> Response:
    return Response("all there is")


async def careful(state: State, request: Request) -> Response:
    require_read(request, "mail")
    return await careless(state, request)


async def answer(operation: Operation, actor: Actor) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing reads the body")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: AsgiScope = {"type": "http", "method": "GET", "query_string": b"", "headers": [], ACTOR_KEY: actor}
    await Endpoint([operation], cast("State", None))(scope, receive, send)
    return sent


async def test_what_a_handler_read_without_checking_the_queue_is_not_sent() -> None:
    careful_one = Operation(
        method="GET", path="/", handler=careful, needs=Needs.READ_OF_QUEUE, tag="", summary=""
    )
    careless_one = msgspec.structs.replace(careful_one, handler=careless)
    assert len(await answer(careful_one, LIMITED)) == 2
    with pytest.raises(RuntimeError, match="careless did not check"):
        await answer(careless_one, LIMITED)
    assert len(await answer(careless_one, msgspec.structs.replace(LIMITED, queues=None))) == 2
    of_none = msgspec.structs.replace(careless_one, needs=Needs.READ_OF_NO_QUEUE)
    assert len(await answer(of_none, LIMITED)) == 2
