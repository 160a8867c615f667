"""The static files, read once. Their URLs contain a hash of all of them, so browsers may cache them indefinitely.

They share a folder with that hash, so that scripts import each other by relative names.
"""

from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.wire.errors import Refused

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_CACHED = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_NOT_CACHED = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class _File(msgspec.Struct, frozen=True):
    content: bytes
    media_type: str


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, _File]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        name = prefix + entry.name
        media_type = _TYPES.get(name.rpartition(".")[2])
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif media_type:
            yield name, _File(entry.read_bytes(), media_type)


def _digest(of: dict[str, _File]) -> str:
    whole = sha256()
    for name, file in of.items():
        whole.update(name.encode() + b"\0" + sha256(file.content).digest())
    return whole.hexdigest()[:12]


_files = dict(_read(files("lapinq_api").joinpath("static")))
_folder = _digest(_files)


def routes() -> list[Route]:
    return [Route("/static/{digest}/{name:path}", static_file, methods=["GET"])]


def address(name: str) -> str:
    """The URL of a file, relative to the dashboard's root."""
    assert name in _files, name
    return f"static/{_folder}/{name}"


async def static_file(request: Request) -> Response:
    found = _files.get(request.path_params["name"])
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is nothing at this path")
    # While two releases serve side by side, a request may have the other's hash. Don't cache that.
    headers = _CACHED if request.path_params["digest"] == _folder else _NOT_CACHED
    return Response(found.content, HTTPStatus.OK, headers, media_type=found.media_type)
