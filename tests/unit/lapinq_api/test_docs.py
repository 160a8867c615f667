"""The reference of the HTTP API tells of every route and every field."""

from pathlib import Path

from starlette.routing import Route

from lapinq_api.app import build_app
from lapinq_api.routes.enqueue import EnqueueRequest
from lapinq_api.routes.steering import ProgressRequest
from lapinq_core.runtime.settings import Settings

REFERENCE = (Path(__file__).parents[3] / "docs/reference/http-api.md").read_text(encoding="utf-8")
OF_THE_PAGE = ("/static/", "/fragments/")


def test_every_route_is_in_the_reference() -> None:
    for route in build_app(Settings(database_url="postgresql:///x")).routes:
        assert isinstance(route, Route)
        if not route.path.startswith(OF_THE_PAGE):
            for method in (route.methods or set()) - {"HEAD"}:
                assert f"`{method} {route.path}`" in REFERENCE


def test_every_field_of_a_request_is_in_the_reference() -> None:
    for field in (*EnqueueRequest.__struct_fields__, *ProgressRequest.__struct_fields__):
        assert f"| `{field}` |" in REFERENCE
