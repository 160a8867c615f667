"""The reference of the HTTP API tells of every route and every field."""

import re
from pathlib import Path

from starlette.routing import Route, WebSocketRoute

from lapinq_api.app import build_app
from lapinq_api.operations.bodies.pause_request import PauseRequest
from lapinq_api.operations.bodies.schedule_request import ScheduleChange, ScheduleRequest
from lapinq_api.routes.people.keys import KeyRequest
from lapinq_api.routes.tasks.actions import ProgressRequest
from lapinq_core.domain.requests.enqueue import EnqueueRequest
from lapinq_core.runtime.settings import Settings

PAGES = Path(__file__).parents[4] / "docs/reference"
REFERENCE = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("http-api*.md"))
OF_THE_PAGE = ("/static/",)


def test_every_route_is_in_the_reference() -> None:
    for route in build_app(Settings(database_url="postgresql:///x")).routes:
        if isinstance(route, WebSocketRoute):
            assert f"`WS {route.path}`" in REFERENCE
            continue
        assert isinstance(route, Route)
        if not route.path.startswith(OF_THE_PAGE):
            # How much of the path a parameter takes is of no concern to whoever calls it.
            path = re.sub(r":\w+}", "}", route.path)
            for method in (route.methods or set()) - {"HEAD"}:
                assert f"`{method} {path}`" in REFERENCE


def test_every_field_of_a_request_is_in_the_reference() -> None:
    for request in (
        EnqueueRequest,
        ProgressRequest,
        PauseRequest,
        KeyRequest,
        ScheduleRequest,
        ScheduleChange,
    ):
        for field in request.__struct_fields__:
            assert f"| `{field}` |" in REFERENCE
