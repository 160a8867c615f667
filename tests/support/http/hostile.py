"""Hostile requests, derived from the declaration of an operation, so that a new operation gets them too."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import quote

import msgspec

from lapinq_api.operations.endpoint import Operation, Parameter
from tests.support.http.hostile_values import (
    BY_TYPE,
    CODINGS,
    CONTROLLED,
    HEADERS,
    MALFORMED,
    SEGMENTS,
    STRINGS,
    TYPES,
    VALUES,
    WRONG_HEADERS,
    WRONG_NUMBERS,
)

NIL = "00000000-0000-0000-0000-000000000000"
JSON = ("Content-Type", "application/json")
TAKING_MANY = ("/batch", "/workflows", "/workflows/{id}/tasks")
"""How the paths end to which requests with many tasks may be sent."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and what may come back: a status of `statuses`, or where that is empty anything but a failure.

    `loc` is the place that a 400 has to name; `field` is too, unless the body is no JSON at all. `chunked` sends the
    body without its length.
    """

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, bytes | str], ...] = ()
    body: bytes | None = None
    chunked: bool = False
    statuses: tuple[int, ...] = ()
    loc: str | None = None
    field: str | None = None


REFUSED = (HTTPStatus.BAD_REQUEST,)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


def cases_of(
    operation: Operation, methods: set[str], names: dict[str, str], body: bytes | None
) -> list[Case]:
    """Everything for `operation`. `methods` are those that its path takes, `names` fill the path so that something is
    there, and `body` is one that could be accepted; None where the operation takes none.
    """
    path = filled(operation.path, names)
    case = partial(Case, method=operation.method, target=path)
    cases = [
        *_paths(operation, names, body),
        *_queries(operation, path, body),
        *_headers(operation, case, body),
    ]
    cases += [
        Case(name=f"method {method}", method=method, target=path, statuses=_OTHER_METHOD)
        for method in METHODS
        if method not in methods
    ]
    if operation.method not in {"GET", "HEAD"}:
        cases += _bodies(operation, case)
    else:
        for name in ("an open brace", "bad utf-8", "deep lists"):
            cases.append(case(name=f"a body: {name}", method="GET", headers=(JSON,), body=MALFORMED[name]))
    if body is not None:
        cases += _fields(operation, case, body)
    return cases


def filled(path: str, names: dict[str, str]) -> str:
    """`path` with its parameters in place."""
    return _PARAMETER.sub(lambda found: names[found[1]], path)


def takes_any_json(operation: Operation) -> bool:
    """Whether it takes any value as its body."""
    return isinstance(operation.body, dict)


def struct_of(body: Any) -> tuple[type[msgspec.Struct], bool]:
    """The struct that the body of an operation is, or is a list of."""
    while get_origin(body) is not None:
        if get_origin(body) is list:
            return struct_of(get_args(body)[0])[0], True
        body = next(one for one in get_args(body) if one is not type(None))
    assert isinstance(body, type), body
    assert issubclass(body, msgspec.Struct), body
    return body, False


# Another path may take the method, one with a parameter in place of a name.
_OTHER_METHOD = (400, 404, 405)
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def _paths(operation: Operation, names: dict[str, str], body: bytes | None) -> Iterator[Case]:
    for parameter in _PARAMETER.findall(operation.path):
        schema = next(one.schema for one in operation.parameters if one.name == parameter)
        is_id = schema.get("type") == "integer" or schema.get("format") == "uuid"
        for name, segment in SEGMENTS.items():
            is_nowhere = name in CONTROLLED
            can_be = is_id and ("%2F" in segment or (schema.get("type") == "integer" and "twelfth" in name))
            yield Case(
                name=f"path, {parameter}: {name}",
                method=operation.method,
                target=filled(operation.path, {**names, parameter: segment}),
                headers=(JSON,) if body is not None else (),
                body=body,
                statuses=(404,) if is_nowhere else (400, 404) if can_be else REFUSED if is_id else (),
                loc=parameter if is_id and not can_be and not is_nowhere else None,
            )


def _queries(operation: Operation, path: str, body: bytes | None) -> Iterator[Case]:
    headers = (JSON,) if body is not None else ()
    made = partial(Case, method=operation.method, headers=headers, body=body)

    def case(name: str, query: str, loc: str | None = None, statuses: tuple[int, ...] = REFUSED) -> Case:
        return made(name=f"query: {name}", target=f"{path}?{query}", statuses=statuses, loc=loc)

    yield case("an unknown parameter", "no_such=1", "no_such")
    yield case("bad utf-8", "%ff=%ff", "the query")
    yield case("half a surrogate", "a=%ed%a0%80", "the query")
    yield case("two hundred parameters", "&".join(f"a{n}=1" for n in range(200)), "the query")
    yield case("very long", "x=" + "y" * 50_000, "x")
    yield case("junk", "&&;=%%%zz&&=&[]", None)
    yield case("nul", "%00=1", "\x00")
    for parameter in operation.parameters:
        if parameter.where != "query":
            continue
        name = parameter.name
        yield case(f"{name} twice", f"{name}=1&{name}=1", name)
        yield case(f"{name} as a list", f"{name}[]=1", f"{name}[]")
        kind = _kind(parameter)
        for number, value in enumerate(BY_TYPE[kind]):
            yield case(f"{name}, {kind} {number}", f"{name}={value}", name)
        if kind == "string":
            for what, text in STRINGS.items():
                # A filter takes nearly any text; no text takes more than it says.
                yield case(f"{name}, {what}", f"{name}={quote(text, safe='')}", statuses=())


def _kind(parameter: Parameter) -> str:
    if "enum" in parameter.schema:
        return "enum"
    return "date-time" if parameter.schema.get("format") == "date-time" else parameter.schema["type"]


def _headers(operation: Operation, case: Callable[..., Case], body: bytes | None) -> Iterator[Case]:
    # Where the good request would change something, these come with one that is refused anyway.
    sent = None if operation.method in {"GET", "HEAD"} else b"{"
    for name, header in HEADERS.items():
        yield case(name=f"header: {name}", headers=(header, JSON) if sent else (header,), body=sent)
    for parameter in operation.parameters:
        if parameter.where != "header":
            continue
        for value in WRONG_NUMBERS if parameter.schema["type"] == "integer" else WRONG_HEADERS:
            name, headers = f"header {parameter.name}: {value[:20]!r}", ((parameter.name, value), JSON)
            yield case(name=name, headers=headers, body=body, statuses=REFUSED, loc=parameter.name)


def _bodies(operation: Operation, case: Callable[..., Case]) -> Iterator[Case]:
    takes_one = operation.body is not None
    for name, malformed in MALFORMED.items():
        if takes_any_json(operation) and _is_json(malformed):
            continue
        if not takes_one or (get_origin(operation.body) is not list and malformed != b"[]"):
            yield case(name=f"body: {name}", headers=(JSON,), body=malformed, statuses=REFUSED)
    for kind in TYPES:
        headers = (("Content-Type", kind.encode("latin-1")),)
        yield case(name=f"body of type {kind!r}", headers=headers, body=b'{"a":1}', statuses=(415,))
    for coding in CODINGS:
        headers = (JSON, ("Content-Encoding", coding.encode("latin-1")))
        yield case(name=f"body in coding {coding!r}", headers=headers, body=b"\x1f\x8b\x08", statuses=(415,))
    huge = b" " * ((2**24 if operation.path.endswith(TAKING_MANY) else 2**20) + 1)
    for chunked in (False, True):
        name = f"body that is huge, chunked {chunked}"
        yield case(name=name, headers=(JSON,), body=huge, chunked=chunked, statuses=(413,))


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _fields(operation: Operation, case: Callable[..., Case], body: bytes) -> Iterator[Case]:
    struct, is_list = struct_of(operation.body)
    given = _raw_list.decode(body)[0] if is_list else _raw.decode(body)
    whole = b"[%s]" if is_list else b"%s"
    for field in get_type_hints(struct):
        place = f"[0].{field}" if is_list else field
        for name, value in VALUES.items():
            changed = whole % _object({**given, field: msgspec.Raw(value)})
            yield case(name=f"{field}: {name}", headers=(JSON,), body=changed, field=place)
        if field in given:
            twice = _object(given).removesuffix(b"}") + b',"%s":[{}]}' % field.encode()
            yield case(name=f"{field}, twice", headers=(JSON,), body=whole % twice)


_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raw_list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def _object(fields: dict[str, msgspec.Raw]) -> bytes:
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), bytes(value)) for name, value in fields.items())
