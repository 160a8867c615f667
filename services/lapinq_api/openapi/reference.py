"""The page `/docs`: the OpenAPI document rearranged for readers."""

import json
import shlex
from http import HTTPStatus
from typing import Any

import msgspec

from lapinq_api.openapi.schema_words import Schema, Word, limits, object_in, sample, words

_ACCESS: dict[tuple[str, ...], str] = {
    (): "open to all",
    ("apiKey", "session"): "needs a key or a session",
    ("session",): "takes a session",
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A field or a parameter. `note` says where a parameter belongs (path or query)."""

    name: str
    words: list[Word]
    limits: str
    meaning: str
    required: bool
    default: str | None
    note: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A response by status: media type and type of the body."""

    status: int
    phrase: str
    meaning: str
    media_type: str | None
    words: list[Word]
    headers: list[str]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `curl` is a command with {server} in place of the server's URL."""

    anchor: str
    method: str
    path: str
    summary: str
    meaning: str
    access: str
    parameters: list[Row]
    body: list[Word] | None
    body_is_optional: bool
    fields: list[Row]
    answers: list[Reply]
    errors: list[Reply]
    curl: str


class Group(msgspec.Struct, frozen=True):
    """The operations of one tag."""

    name: str
    meaning: str
    calls: list[Call]


class Named(msgspec.Struct, frozen=True):
    """A named schema: an object with its fields, or an enumeration."""

    name: str
    meaning: str
    fields: list[Row]
    choices: list[str]


class Reference(msgspec.Struct, frozen=True):
    """The whole page."""

    title: str
    version: str
    paragraphs: list[str]
    groups: list[Group]
    schemas: list[Named]


def reference(document: Schema) -> Reference:
    """Builds the page from `document`."""
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            calls[operation["tags"][0]].append(_call(method.upper(), path, operation, document))
    return Reference(
        title=document["info"]["title"],
        version=document["info"]["version"],
        paragraphs=document["info"]["description"].strip().split("\n\n"),
        groups=[Group(tag["name"], tag["description"], calls[tag["name"]]) for tag in document["tags"]],
        schemas=[_named(name, schema) for name, schema in document["components"]["schemas"].items()],
    )


def _call(method: str, path: str, operation: Schema, document: Schema) -> Call:
    replies = [_reply(int(status), one, document) for status, one in operation["responses"].items()]
    request = operation.get("requestBody")
    schema = request["content"]["application/json"]["schema"] if request else None
    parameters = operation.get("parameters", [])
    return Call(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        meaning=operation.get("description", ""),
        access=_ACCESS[_schemes(operation)],
        parameters=[_parameter(one) for one in parameters],
        body=words(schema) if schema else None,
        body_is_optional=bool(request) and not request["required"],
        fields=_fields(object_in(schema, document)) if schema else [],
        answers=[reply for reply in replies if reply.status < HTTPStatus.BAD_REQUEST],
        errors=[reply for reply in replies if reply.status >= HTTPStatus.BAD_REQUEST],
        curl=_curl(method, path, operation, sample(schema, document) if schema else None),
    )


def _schemes(operation: Schema) -> tuple[str, ...]:
    """The ways to authenticate."""
    return tuple(scheme for one in operation.get("security", []) for scheme in one)


def _parameter(parameter: Schema) -> Row:
    schema = parameter["schema"]
    return Row(
        name=parameter["name"],
        words=words(schema),
        limits=limits(schema),
        meaning=parameter["description"],
        required=parameter.get("required", False),
        default=_shown_default(schema),
        note=parameter["in"],
    )


def _reply(status: int, response: Schema, document: Schema) -> Reply:
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    [(media_type, body)] = response.get("content", {None: None}).items()
    return Reply(
        status=status,
        phrase=HTTPStatus(status).phrase,
        meaning=response["description"],
        media_type=media_type,
        words=words(body["schema"]) if body else [],
        headers=[name for name in response["headers"] if name != "X-Request-ID"],
    )


def _named(name: str, schema: Schema) -> Named:
    return Named(name, schema.get("description", ""), _fields(schema), schema.get("enum", []))


def _fields(schema: Schema) -> list[Row]:
    required = schema.get("required", [])
    return [
        Row(
            name=name,
            words=words(field),
            limits=limits(field),
            meaning=field.get("description", ""),
            required=name in required,
            default=_shown_default(field),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _shown_default(schema: Schema) -> str | None:
    return json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else None


def _curl(method: str, path: str, operation: Schema, body: Any) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(sample(parameter["schema"], {})))
    lines = [f"curl {'' if method == 'GET' else f'-X {method} '}{{server}}{path}"]
    match _schemes(operation):
        case ("apiKey", *_):
            lines.append('-H "X-API-Key: $LAPINQ_API_KEY"')
        case ("session",):
            lines.append('-b "lapinq_session=$SESSION"')
        case _:
            pass
    if body is not None:
        text = json.dumps(body, ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(text)}"]
    return " \\\n  ".join(lines)
