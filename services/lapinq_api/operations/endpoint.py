"""Turns the declaration of an operation into a route.

An `Operation` declares one method of one path: who may call it, what it takes, what it returns. The router, the check
for unknown parameters, the permission check and the description in `/openapi.json` all come from it.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import Any, Literal, assert_never

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lapinq_api.auth.sessions import SESSION_KEY, session_of
from lapinq_api.credentials.caller import actor_of, check, is_read_checked, refusal_of, refuse_reading
from lapinq_api.state import State
from lapinq_api.wire.query import read_query

Handler = Callable[[State, Request], Awaitable[Response]]

QUERY_KEY = "lapinq.query"


class Needs(StrEnum):
    """Who may call an operation."""

    NOBODY = "nobody"
    """Open to everybody."""
    READ = "read"
    """Callers that may read tasks of all queues."""
    READ_OF_QUEUE = "read of a queue"
    """Callers that may read tasks of some queue. The handler checks which (`require_read`), once it knows the queue:
    without that check, its answer is not sent."""
    READ_OF_NO_QUEUE = "read of no queue"
    """Callers that may read tasks of some queue. The answer shows nothing of any."""
    PERMISSION = "permission"
    """The handler checks a permission itself (`lapinq_api.credentials.caller.require`), once it knows the queue."""
    ADMIN = "admin"
    """An admin, or the key from the settings."""
    SESSION = "session"
    """A logged-in user: a key has no account."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter in the path, the query or a header. `schema` is JSON Schema. One in the path is always required."""

    name: str
    description: str
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "header", "path"] = "query"
    is_required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A successful answer, or a failure with its own body: meaning, body and headers.

    `body` is a type that msgspec knows, a union of structs, or JSON Schema; None if there is no body (204, a
    redirect). `headers` maps names to descriptions. `links` maps other handlers' names to their parameters, each an
    OpenAPI runtime expression such as "$response.body#/id".
    """

    description: str
    body: Any = None
    media_type: str = "application/json"
    headers: dict[str, str] = {}
    links: dict[str, dict[str, str]] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    `body` is a type that msgspec knows; `body_is_optional` if the request may have none. `errors` maps statuses to
    when they occur, beyond those that any operation may return (`lapinq_api.openapi.document`).
    """

    method: str
    path: str
    handler: Handler
    needs: Needs
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    body_is_optional: bool = False
    answers: dict[int, Answer] = {}
    errors: dict[int, str] = {}


class Endpoint:
    """The operations of one path, by method. `middleware.error_responses` answers what a handler raises."""

    def __init__(self, operations: Iterable[Operation], state: State) -> None:
        self._operations = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations.setdefault("HEAD", self._operations["GET"])
        self._checks = {
            method: partial(_check, operation.needs) for method, operation in self._operations.items()
        }
        self._known = {
            method: frozenset(one.name for one in operation.parameters if one.where == "query")
            for method, operation in self._operations.items()
        }
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._operations[method]
        request = Request(scope, receive)
        check(request, self._checks[method])
        scope[QUERY_KEY] = read_query(scope, self._known[method])
        response = await operation.handler(self._state, request)
        if operation.needs is Needs.READ_OF_QUEUE and not is_read_checked(request):
            raise RuntimeError(f"{operation.handler.__name__} did not check which queue it read")
        if operation.method != "GET" and scope.get(SESSION_KEY) is not None:
            self._state.on_act()
        await response(scope, receive, send)


def query_of(request: Request) -> dict[str, str]:
    """The query parameters: all known to the operation, each given once."""
    query: dict[str, str] = request.scope[QUERY_KEY]
    return query


def routes_for(operations: Iterable[Operation], state: State) -> list[Route]:
    """One route per path: with one per method, a 405 would list only the first route's methods."""
    by_path: dict[str, list[Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    return [
        Route(path, Endpoint(those, state), methods=[operation.method for operation in those])
        for path, those in by_path.items()
    ]


def _check(needs: Needs, request: Request) -> None:
    match needs:
        case Needs.PERMISSION | Needs.NOBODY:
            pass
        case Needs.READ:
            refuse_reading(actor_of(request), None)
        case Needs.READ_OF_QUEUE | Needs.READ_OF_NO_QUEUE:
            actor = actor_of(request)
            refuse_reading(actor, actor.any_queue)
        case Needs.ADMIN:
            actor = actor_of(request)
            if not actor.is_admin:
                raise refusal_of(actor, "do this: it takes an admin")
        case Needs.SESSION:
            session_of(request.scope)
        case _:
            assert_never(needs)
