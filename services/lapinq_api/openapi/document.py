"""The OpenAPI 3.1 document: what the operations declare, in the words of that format."""

import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, assert_never, get_args, get_origin

import msgspec

from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.wire.errors import ErrorBody
from lapinq_api.wire.values import DEFAULT_KEY
from lapinq_core.domain.version import __version__

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"

TAGS = {
    "enqueue": "Taking tasks in.",
    "tasks": "Looking at tasks, and steering them.",
    "queues": "Looking at queues, pausing and resuming them.",
    "schedules": "Tasks that are enqueued again and again: when, and what became of it.",
    "workers": "Looking at workers, quieting and stopping them.",
    "webhooks": "The calls that tell of ended tasks.",
    "keys": "Named API keys. For admins.",
    "audit": "What people and keys changed. For admins.",
    "users": "People, their roles and what they may do. For admins.",
    "account": "Who asks, their password and their sessions.",
    "server": "The server itself: health, metrics, and this description.",
}
"""The groups of operations, in the order in which they are shown."""

_ABOUT = """\
Bodies are JSON in UTF-8. Unknown fields and unknown query parameters are refused by name; types are strict: `"3"`,
`3.0` and `true` are no integers. In a request a field that is null counts as left out. (Where a schedule
is changed, null stands for what a new one would have.)

Every error has the same body: `error` is a sentence for people, and `details`, where a value is to blame, says which.
Every answer carries `X-Request-ID`, by which the server's log knows the request: the caller's own, where that has up to
128 letters, digits and `_ . : -`, else a new one.

A server that was started without an API key answers everybody below `/api/`, save for what deletes many tasks or is for
admins. One that limits how many requests an address may send says with every answer below `/api/` how many are left:
`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
"""

_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

_SHARED_ERRORS = {
    400: ("BadRequest", "A value is wrong, a field or parameter unknown, or the body is not JSON."),
    401: ("Unauthorized", "Nobody known asks: the API key or session is missing or wrong."),
    403: (
        "Forbidden",
        "Who asks may not do this, a page of another origin asks for them, or the server is read-only.",
    ),
    404: ("NotFound", "There is nothing at this path."),
    408: ("RequestTimeout", "The body did not arrive in time."),
    413: ("ContentTooLarge", "The body is larger than the server takes."),
    415: (
        "UnsupportedMediaType",
        "The body is declared as something other than JSON in UTF-8, or compressed.",
    ),
    429: ("TooManyRequests", "Too many requests, or wrong keys, came from this address."),
    503: ("Unavailable", "The database is away or too slow, or the server has more to do than it can hold."),
}
"""What many operations may answer: the name of the response among the components, and when."""

_HEADERS: dict[str, Schema] = {
    "X-Request-ID": {
        "description": "By what the server's log knows the request.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to say who asks.",
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {
        "description": "Requests a minute that one address may send to this server.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "Requests that are left of them.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "Seconds until this minute ends, or until there is room again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

_LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After", *_LIMITS), 503: ("Retry-After",)}

_SECURITY: dict[str, Schema] = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The key of the settings (`LAPINQ_API_KEY`), which may do everything, or a named key.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "lapinq_session",
        "description": "Somebody who logged in at `/login`; over TLS the cookie is `__Host-lapinq_session`.",
    },
}


def describe(operations: Sequence[Operation]) -> Schema:
    """The document of `operations`."""
    schemas = _Schemas(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        of_path = paths.setdefault(re.sub(r":\w+}", "}", operation.path), {})
        of_path[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "lapinq",
            "version": __version__,
            "summary": "A task queue on PostgreSQL.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": TAGS[name]} for name in TAGS if name in _tags(operations)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "headers": _HEADERS,
            "responses": {
                name: _error(text, status, schemas) for status, (name, text) in _SHARED_ERRORS.items()
            },
            "securitySchemes": _SECURITY,
        },
    }


def _operation(operation: Operation, schemas: "_Schemas") -> Schema:
    described: Schema = {
        "operationId": operation.handler.__name__,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [_parameter(one) for one in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.body_is_optional,
            "content": {"application/json": {"schema": schemas.of(operation.body)}},
        }
    responses = {status: _answer(answer, status, schemas) for status, answer in operation.answers.items()}
    for status in shared_errors(operation):
        responses.setdefault(status, {"$ref": f"#/components/responses/{_SHARED_ERRORS[status][0]}"})
    for status, text in operation.errors.items():
        responses[status] = _error(text, status, schemas)
    described["responses"] = {str(status): responses[status] for status in sorted(responses)}
    match operation.needs:
        case Needs.NOBODY:
            pass
        case Needs.SESSION:
            described["security"] = [{"session": []}]
        case Needs.READ | Needs.PERMISSION | Needs.ADMIN:
            described["security"] = [{"apiKey": []}, {"session": []}]
        case _:
            assert_never(operation.needs)
    return described


def shared_errors(operation: Operation) -> set[int]:
    """The statuses that `operation` may answer by its nature, declared or not."""
    found = {400}  # any operation refuses unknown parameters
    if operation.needs is not Needs.NOBODY:
        found |= {401, 403, 429, 503}
    if operation.method in _CHANGING:
        found |= {408, 413, 415}
    if any(parameter.where == "path" for parameter in operation.parameters):
        found.add(404)  # what stands there may have a control character in it
    if operation.path.startswith("/api/"):
        found.add(429)
    return found


def _parameter(parameter: Parameter) -> Schema:
    described: Schema = {"name": parameter.name, "in": parameter.where, "description": parameter.description}
    if parameter.where == "path":
        described["required"] = True
    return {**described, "schema": parameter.schema}


def _answer(answer: Answer, status: int, schemas: "_Schemas") -> Schema:
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
    }
    described: Schema = {"description": answer.description, "headers": {**_headers(status), **headers}}
    if answer.body is not None:
        described["content"] = {answer.media_type: {"schema": schemas.of(answer.body)}}
    elif answer.media_type != "application/json":
        described["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    if answer.links:
        described["links"] = {
            name: {"operationId": name, "parameters": parameters} for name, parameters in answer.links.items()
        }
    return described


def _error(text: str, status: int, schemas: "_Schemas") -> Schema:
    return {
        "description": text,
        "headers": _headers(status),
        "content": {"application/json": {"schema": schemas.of(ErrorBody)}},
    }


def _headers(status: int) -> Schema:
    names = ("X-Request-ID", *_HEADERS_OF.get(status, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _tags(operations: Iterable[Operation]) -> set[str]:
    return {operation.tag for operation in operations}


class _Schemas:
    """The schemas of all that `operations` take and answer, and the named ones among them."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types: list[Any] = [ErrorBody]
        for operation in operations:
            for body in (operation.body, *(answer.body for answer in operation.answers.values())):
                types += [one for one in _each(body) if one not in types]
        made, components = msgspec.json.schema_components(types, ref_template=_REF)
        self._types = types
        self._made = made
        self.components = {name: _with_defaults(components[name]) for name in sorted(components)}

    def of(self, body: Any) -> Schema:
        if isinstance(body, dict):
            return body  # pyright: ignore[reportUnknownVariableType]
        schemas = [self._made[self._types.index(one)] for one in _each(body)]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _each(body: Any) -> list[Any]:
    """The types that `body` is one of, for msgspec takes no union of structs; JSON Schema is none."""
    if body is None or isinstance(body, dict):
        return []
    return list(get_args(body)) if get_origin(body) in {Union, UnionType} else [body]


def _with_defaults(schema: Schema) -> Schema:
    """`schema` with its fields' defaults: what null stands for, not null."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        if DEFAULT_KEY in field:
            field["default"] = field.pop(DEFAULT_KEY)
        elif field.get("default", ...) is None:
            del field["default"]
    return schema
