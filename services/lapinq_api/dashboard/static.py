"""The static files, read once. Their address has a hash of what they hold, so they may be cached for ever."""

from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.errors import Refused

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class _File(msgspec.Struct, frozen=True):
    content: bytes
    media_type: str
    digest: str


def _read_all() -> dict[str, _File]:
    found: dict[str, _File] = {}
    for entry in files("lapinq_api").joinpath("static").iterdir():
        media_type = _TYPES.get(entry.name.rpartition(".")[2])
        if media_type:
            content = entry.read_bytes()
            found[entry.name] = _File(content, media_type, sha256(content).hexdigest()[:12])
    return found


_files = _read_all()


def routes() -> list[Route]:
    return [Route("/static/{name}", static_file, methods=["GET"])]


def address(name: str) -> str:
    """Where a page finds the file, relative to the dashboard's root."""
    return f"static/{name}?v={_files[name].digest}"


async def static_file(request: Request) -> Response:
    found = _files.get(request.path_params["name"])
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is nothing at this path")
    return Response(found.content, HTTPStatus.OK, _HEADERS, media_type=found.media_type)
