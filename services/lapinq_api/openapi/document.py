"""Generates the OpenAPI 3.1 document from the declared operations."""

import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, assert_never, get_args, get_origin

import msgspec

from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_core.domain.requests.refusals import ErrorBody
from lapinq_core.domain.requests.values import DEFAULT_KEY
from lapinq_core.domain.version import __version__

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"

TAGS = {
    "enqueue": "Enqueue tasks.",
    "tasks": "Read and control tasks.",
    "queues": "Read, pause and resume queues.",
    "limits": "Limits that queues share: how many tasks run, and how many units they take.",
    "breakers": "Circuit breakers, which stop a queue or a kind of task while its tasks fail.",
    "workflows": "Graphs of tasks: some start when others have ended.",
    "durable tasks": "Tasks with stored steps, which wait without a worker: their steps, waits and signals.",
    "schedules": "Tasks that are enqueued repeatedly: definitions, ticks and runs.",
    "workers": "Read, quiet and stop workers.",
    "errors": "Errors of one queue, task and kind, with their history.",
    "webhooks": "HTTP requests that report ended tasks.",
    "notifications": "Rules for messages on errors, backlogs and dead workers.",
    "keys": "Named API keys. For admins.",
    "audit": "Changes that users and keys made. For admins.",
    "users": "Users, their roles and permissions. For admins.",
    "account": "The caller's own password and sessions.",
    "server": "The server itself: health, metrics, and this description.",
}
"""The groups of operations, in the order of display."""

_ABOUT = """\
Bodies are JSON in UTF-8. Unknown fields and query parameters are errors. Types are strict: `"3"`, `3.0` and `true` are
not integers. A null field in a request counts as left out. (When a schedule is changed, null stands for the default of
a new one.)

All errors have the same body: `error` is a sentence for people, and `details` names the invalid value, if there is one.
Every response carries `X-Request-ID`, which identifies the request in the server's log. A caller may send its own, of
up to 128 letters, digits and `_ . : -`.

Without an API key, requests from the server's own machine may call what is below `/api/`, except bulk deletion and what
only admins may do; with `LAPINQ_OPEN_API=everyone` all requests may.

With a rate limit, every response below `/api/` says how many requests are left: `X-RateLimit-Limit`,
`X-RateLimit-Remaining` and `X-RateLimit-Reset`.
"""

_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

_SHARED_ERRORS = {
    400: ("BadRequest", "A value is invalid, a field or parameter is unknown, or the body is not JSON."),
    401: ("Unauthorized", "The API key or session is missing or invalid."),
    403: (
        "Forbidden",
        (
            "The caller lacks the permission, the request comes from a page of another origin, or the server"
            " is read-only."
        ),
    ),
    404: ("NotFound", "Nothing exists at this path."),
    408: ("RequestTimeout", "The body did not arrive in time."),
    413: ("ContentTooLarge", "The body is too large."),
    415: (
        "UnsupportedMediaType",
        "The body is declared as something other than JSON in UTF-8, or is compressed.",
    ),
    429: (
        "TooManyRequests",
        "This address sent too many requests or wrong keys, or this caller has too many requests at the same time.",
    ),
    503: ("Unavailable", "The database is unavailable or too slow, or the server is overloaded."),
}
"""Errors that many operations share: the name of the response component, and the cause."""

_HEADERS: dict[str, Schema] = {
    "X-Request-ID": {
        "description": "Identifies the request in the server's log.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {
        "description": "Requests per minute that one address may send to this server.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "Seconds until this minute ends, or until the next request may pass.",
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
        "description": "The key in the settings (`LAPINQ_API_KEY`), which gives full access, or a named key.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "lapinq_session",
        "description": "A session, from the login at `/login`. Over TLS the cookie is `__Host-lapinq_session`.",
    },
}


def describe(operations: Sequence[Operation]) -> Schema:
    """The document for `operations`."""
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
        case Needs.READ | Needs.READ_OF_QUEUE | Needs.READ_OF_NO_QUEUE | Needs.PERMISSION | Needs.ADMIN:
            described["security"] = [{"apiKey": []}, {"session": []}]
        case _:
            assert_never(operation.needs)
    return described


def shared_errors(operation: Operation) -> set[int]:
    """The error statuses that `operation` may answer because of its kind, declared or not."""
    found = {400}  # every operation rejects unknown parameters
    if operation.needs is not Needs.NOBODY:
        found |= {401, 403, 429, 503}
    if operation.method in _CHANGING:
        found |= {408, 413, 415}
    if any(parameter.where == "path" for parameter in operation.parameters):
        found.add(404)  # the parameter may contain a control character
    if operation.path.startswith("/api/"):
        found.add(429)
    return found


def _parameter(parameter: Parameter) -> Schema:
    described: Schema = {"name": parameter.name, "in": parameter.where, "description": parameter.description}
    if parameter.is_required or parameter.where == "path":
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
    """Schemas of all bodies in requests and responses, and the named components among them."""

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
    """The alternatives of `body`, because msgspec takes no union of structs. A ready JSON Schema has none."""
    if body is None or isinstance(body, dict):
        return []
    return list(get_args(body)) if get_origin(body) in {Union, UnionType} else [body]


def _with_defaults(schema: Schema) -> Schema:
    """`schema` with each field's effective default instead of null."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        if DEFAULT_KEY in field:
            field["default"] = field.pop(DEFAULT_KEY)
        elif field.get("default", ...) is None:
            del field["default"]
    return schema
