"""The description of the API, as OpenAPI and as a page."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.dashboard.page.rendering import page
from lapinq_api.dashboard.page.server_address import server_of
from lapinq_api.openapi.document import describe
from lapinq_api.openapi.reference import Reference, reference
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_api.wire.codec import Json

_PREFIXES = 8
"""The prefix that the application is mounted at; usually only one."""


def operations(described: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations that describe `described` and themselves."""

    @lru_cache(maxsize=1)
    def document() -> dict[str, object]:
        return describe((*described, *own))

    @lru_cache(maxsize=_PREFIXES)
    def encoded(prefix: str) -> bytes:
        return msgspec.json.encode({**document(), "servers": [{"url": prefix or "/"}]})

    @lru_cache(maxsize=1)
    def shown() -> Reference:
        return reference(document())

    async def openapi(state: State, request: Request) -> Response:
        return Json(encoded(request.scope.get("root_path", "")))

    async def docs(state: State, request: Request) -> Response:
        return page(request.scope, "docs.html", reference=shown(), server=server_of(request))

    own = (
        Operation(
            method="GET",
            path="/openapi.json",
            handler=openapi,
            needs=Needs.NOBODY,
            tag="server",
            summary="This description as OpenAPI 3.1",
            answers={200: Answer(description="The document.", body={"type": "object"})},
        ),
        Operation(
            method="GET",
            path="/docs",
            handler=docs,
            needs=Needs.NOBODY,
            tag="server",
            summary="This description as a page",
            answers={200: Answer(description="The page.", media_type="text/html")},
        ),
    )
    return own
