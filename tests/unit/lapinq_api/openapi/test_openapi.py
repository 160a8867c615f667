"""The OpenAPI document and what it is made from: whole, valid, and true to the rules that values must keep."""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from lapinq_api.openapi.document import TAGS, describe, shared_errors
from lapinq_api.openapi.reference import reference
from lapinq_api.operations.endpoint import Needs
from lapinq_api.routes import OPERATIONS
from lapinq_core.domain.accounts.passwords import check_username
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.policy import checked_weights
from lapinq_core.domain.requests.schedule_name import SCHEDULE_NAME_SCHEMA
from lapinq_core.domain.requests.signals import SIGNAL_NAME_SCHEMA
from lapinq_core.domain.requests.values import DOTTED, NAME_SCHEMA, TRIMMED
from lapinq_core.domain.schedules.schedule import check_schedule_name
from lapinq_core.domain.tasks.durable.calls import check_name as check_signal
from lapinq_core.domain.tasks.task import NewTask, check_module_path, check_name, check_task

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(describe(OPERATIONS)))
PATHS: dict[str, dict[str, Any]] = DOCUMENT["paths"]
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.SEE_OTHER}


def everything(of: Any) -> Iterator[dict[str, Any]]:
    """Every object in `of`, at whatever depth."""
    if isinstance(of, dict):
        yield of
        of = list(of.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(of, list):
        for one in of:  # pyright: ignore[reportUnknownVariableType]
            yield from everything(one)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    # What refers to nothing is compiled in a fraction of the time.
    whole = {**schema, "components": DOCUMENT["components"]} if "$ref" in str(schema) else schema
    return jsonschema_rs.validator_for(whole, validate_formats=True)  # pyright: ignore[reportUnknownMemberType]


@cache
def validator_of(name: str) -> jsonschema_rs.Validator:
    """Of a schema of the document."""
    return validator({"$ref": f"#/components/schemas/{name}"})


# The document


def test_the_document_and_every_schema_in_it_are_valid() -> None:
    # Takes a while to import, and each process that shares the tests collects this file.
    from schemathesis.specs.openapi import definitions

    meta = jsonschema_rs.validator_for(definitions.OPENAPI_31)  # pyright: ignore[reportUnknownMemberType]
    errors = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in meta.iter_errors(DOCUMENT)
    ]
    assert errors == []
    schemas = [one["schema"] for one in everything(DOCUMENT) if isinstance(one.get("schema"), dict)]
    for schema in [*schemas, *SCHEMAS.values()]:
        jsonschema_rs.meta.validate(schema)
    assert [one for one in everything(DOCUMENT) if one.get("default", ...) is None] == []
    assert "x-default" not in str(DOCUMENT)


def test_references_and_links_lead_somewhere() -> None:
    operations = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", [])}
        for methods in PATHS.values()
        for operation in methods.values()
    }
    links = 0
    for one in everything(DOCUMENT):
        if "$ref" in one:
            target: Any = DOCUMENT
            for step in one["$ref"].removeprefix("#/").split("/"):
                target = target[step]
        for link in one.get("links", {}).values():
            assert set(link["parameters"]) <= operations[link["operationId"]]
            links += 1
    assert links


def test_it_has_every_operation_with_its_parameters() -> None:
    described = {(method.upper(), path) for path, methods in PATHS.items() for method in methods}
    assert described == {(one.method, re.sub(r":\w+}", "}", one.path)) for one in OPERATIONS}
    for path, methods in PATHS.items():
        for operation in methods.values():
            of_path = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
            assert of_path == re.findall(r"{(\w+)}", path)


def test_requests_refuse_fields_they_do_not_know() -> None:
    for one in everything(DOCUMENT):
        if "requestBody" in one:
            schema = one["requestBody"]["content"]["application/json"]["schema"]
            if one["operationId"] == "send_signal":
                assert "type" not in schema  # any JSON
                continue
            name = schema.get("$ref", schema.get("items", {}).get("$ref")).rpartition("/")[2]
            assert SCHEMAS[name]["additionalProperties"] is False


# What operations declare


def test_operations_are_told_apart() -> None:
    for names in (
        [(one.method, one.path) for one in OPERATIONS],
        [one.handler.__name__ for one in OPERATIONS],
        [one.summary for one in OPERATIONS],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_an_operation_declares_what_it_answers(operation: Any) -> None:
    assert operation.summary
    assert not operation.summary.endswith(".")
    assert operation.tag in TAGS
    assert any(status < HTTPStatus.BAD_REQUEST for status in operation.answers)
    for status, answer in operation.answers.items():
        assert answer.description.endswith(".")
        assert status in WITHOUT_BODY or answer.body is not None or answer.media_type != "application/json"
    for status, text in operation.errors.items():
        assert (status >= HTTPStatus.BAD_REQUEST, text[-1]) == (True, ".")
    for parameter in operation.parameters:
        assert parameter.description.endswith(".")
    assert operation.body is None or operation.method in {"POST", "PUT", "PATCH"}

    described = PATHS[re.sub(r":\w+}", "}", operation.path)][operation.method.lower()]
    statuses = {int(status) for status in described["responses"]}
    assert statuses == {*operation.answers, *operation.errors, *shared_errors(operation)}
    assert 400 in statuses
    assert ({401, 403} <= statuses) == (operation.needs is not Needs.NOBODY)
    assert ({408, 413, 415} <= statuses) == (operation.method != "GET")
    assert (429 in statuses) >= operation.path.startswith("/api/")
    assert ("security" in described) == (operation.needs is not Needs.NOBODY)


# The values


def is_refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except InvalidValue:
        return True
    return False


def check_schedule(_: str, name: str) -> None:
    check_schedule_name(name)


def check_dotted(_: str, path: str) -> None:
    check_module_path(path)


@cache
def known_characters() -> list[str]:
    """What one version of Unicode has assigned another has not: those that Python does not know are left out."""
    chars = map(chr, [*range(0x20000), *range(0x20000, sys.maxunicode + 1, 97)])
    return [char for char in chars if unicodedata.category(char) not in {"Cn", "Cs"}]


@pytest.mark.parametrize(("schema", "check"), [
    (NAME_SCHEMA, check_name),
    (SCHEDULE_NAME_SCHEMA, check_schedule),
    (SIGNAL_NAME_SCHEMA, check_signal),
    ({"type": "string", "pattern": TRIMMED}, check_username),
    ({"type": "string", "pattern": DOTTED}, check_dotted),
], ids=["name", "schedule", "signal", "username", "module path"])  # fmt: skip
def test_the_patterns_of_names_are_the_checks(schema: dict[str, Any], check: Any) -> None:
    fits = validator(schema).is_valid
    assert [char for char in known_characters() if fits(char) is is_refused(check, "name", char)] == []
    for name in (
        *("a b", " a", "a ", "  ", "", "a\n", "\na", "a\tb", "ä–ß", "a\u00a0", "\u2028", "x" * 255),
        *("preview", "previews", "..", "...", "a/b"),
    ):
        assert fits(name) is not is_refused(check, "name", name) or not name, name


VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "task_name": (["a", "x" * 255, " ü"], ["", "x" * 256, "a\n", "\x00", " ", None, 1]),
    "queue_name": (["a", "x" * 255], ["", "x" * 256, "\u200b"]),
    "module_path": (["a", "a.b", "_a1.ü"], ["", "a.", ".a", "1a", "a b", "a-b", "a\n", "x" * 1001, None]),
    "max_retries": ([0, 100], [-1, 101, "3", True, 1.5]),
    "priority": ([-(2**31), 2**31 - 1], [-(2**31) - 1, 2**31, "1", False]),
    "retry_delay": ([0, 0.5, 315_576_000], [-0.1, 315_576_001, "1"]),
    "ttl_seconds": ([0, 0.5, 315_576_000], [-1, 315_576_001, True]),
    "timeout_seconds": ([0.001, 315_576_000], [0, -1, 315_576_001]),
    "webhook_url": (
        ["http://a", "HTTPS://a.example:80/b?c#d", "http://[::1]/"],
        ["", "a", "ftp://a", "http://", "http:///a", "//a", "http://?", f"http://{'x' * 2000}"],
    ),
    "args": ([[], [None, {"a": [1.5]}]], [{}, "[]", 1]),
    "kwargs": ([{}, {"a": None}], [[], "{}", 1]),
    "metadata": ([{}, {"a": 1}], [[], 1]),
    "retry_backoff": ([True, False], [0, "true"]),
    "profile": ([True, False], [0, "true"]),
    "key": (["a", "x" * 255, " ü", "\xa0"], ["", "x" * 256, "a\n", "\x00", "\x85", 1, ["a"]]),
    "limits": (
        [{}, {"openai": 1}, {"A.b:c-d_9": 10**12, "x" * 100: 2}, {f"a{n}": 1 for n in range(10)}],
        [[], "openai", {"openai": 0}, {"openai": 10**12 + 1}, {"openai": 1.5}, {"openai": "1"}, {"openai": True},
         {"openai": None}, {"": 1}, {"x" * 101: 1}, {"a,b": 1}, {"a b": 1}, {"ü": 1}, {f"a{n}": 1 for n in range(11)}],
    ),
    "unique": (
        [{"key": "a"}, {"key": "x" * 255, "until": "started"}, {"key": " ü", "until": 0.5, "on_conflict": "replace"}],
        [{}, "a", {"key": ""}, {"key": "x" * 256}, {"key": "a\n"}, {"key": "\x85"}, {"key": 1},
         {"key": "a", "until": 0}, {"key": "a", "until": "ended"}, {"key": "a", "until": 315_576_001},
         {"key": "a", "on_conflict": "drop"}],
    ),
    "debounce": (
        [{"key": "a", "delay": 0.5}, {"key": "a", "delay": 5, "max_wait": 5}],
        [{}, {"key": "a"}, {"key": "a", "delay": 0}, {"key": "", "delay": 5}, {"key": "a", "delay": 315_576_001},
         {"key": "a", "delay": 5, "max_wait": 315_576_001}],
    ),
    "scheduled_at": (["2030-01-31T12:00:00Z", "2030-01-31T12:00:00.5+02:00"], ["", "soon", 5, "2030-13-01T00:00:00Z"]),
}  # fmt: skip


@pytest.mark.parametrize("field", VALUES)
def test_the_schema_of_a_field_takes_what_the_check_takes(field: str) -> None:
    good, bad = VALUES[field]
    fits = validator_of("EnqueueRequest").is_valid
    base = {"task_name": "t", "module_path": "m"}
    assert [value for value in good if not fits({**base, field: value})] == []
    assert [value for value in bad if fits({**base, field: value})] == []
    for value in good:
        check_task(msgspec.convert({"id": "", **base, field: value}, NewTask), datetime.now(UTC))
    for value in bad:
        with pytest.raises((InvalidValue, msgspec.ValidationError)):
            check_task(msgspec.convert({"id": "", **base, field: value}, NewTask), datetime.now(UTC))


def test_the_schema_of_weights_is_the_check() -> None:
    fits = validator(SCHEMAS["PolicyChange"]["properties"]["weights"]).is_valid
    names = ("a", "x" * 255, " ", "", "x" * 256, "a\0")
    weights: list[dict[str, Any]] = [{}, *({name: 1} for name in names)]
    weights += [{"a": weight} for weight in (0.5, 0, 1001, "1", True)]
    for each in weights:
        assert fits(each) is not is_refused(checked_weights, each), each


def test_every_field_of_an_enqueue_has_values_here() -> None:
    assert set(VALUES) == set(SCHEMAS["EnqueueRequest"]["properties"])


def test_the_examples_and_defaults_fit() -> None:
    fields = [field for one in SCHEMAS.values() for field in one.get("properties", {}).values()]
    for field in fields:
        values = [*field.get("examples", []), *([field["default"]] if "default" in field else [])]
        for value in values:
            validator(field).validate(value)


# The page


def test_the_page_shows_every_operation_and_schema() -> None:
    shown = reference(DOCUMENT)
    calls = [call for group in shown.groups for call in group.calls]
    assert {call.anchor for call in calls} == {one.handler.__name__ for one in OPERATIONS}
    used = [name for name in TAGS if any(one.tag == name for one in OPERATIONS)]
    assert [group.name for group in shown.groups] == used
    named = {schema.name for schema in shown.schemas}
    rows = [row for call in calls for row in (*call.parameters, *call.fields, *call.answers, *call.errors)]
    assert {word.schema for row in rows for word in row.words if word.schema} <= named
    for call in calls:
        body = re.search(r"-d '(.*)'$", call.curl, re.DOTALL)
        operation = PATHS[call.path][call.method.lower()]
        assert bool(body) == ("requestBody" in operation)
        if body:  # the command sends one that fits
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            validator(schema).validate(msgspec.json.decode(body[1]))
