"""JSON Schema as a person reads it."""

from typing import Any

import pytest

from lapinq_api.openapi.schema_words import Word, limits, sample, words

DOCUMENT = {"components": {"schemas": {"Task": {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "examples": ["add"]},
        "note": {"type": "string"},
    },
    "required": ["id"],
}}}}  # fmt: skip
TASK = {"$ref": "#/components/schemas/Task"}


@pytest.mark.parametrize(("schema", "text"), [
    ({}, "any JSON"),
    ({"type": "string"}, "string"),
    ({"type": "string", "format": "date-time"}, "ISO 8601 time"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
    ({"type": "array"}, "list"),
    ({"type": "array", "items": TASK}, "list of Task"),
    ({"type": "object", "additionalProperties": {"type": "array", "items": TASK}}, "object of list of Task"),
    ({"type": "string", "enum": ["a", "b"]}, 'one of "a", "b"'),
    ({"anyOf": [TASK, {"type": "null"}]}, "Task or null"),
])  # fmt: skip
def test_a_type_is_named(schema: dict[str, Any], text: str) -> None:
    assert "".join(word.text for word in words(schema)) == text


def test_a_named_schema_is_led_to() -> None:
    assert words({"type": "array", "items": TASK}) == [Word("list of "), Word("Task", "Task")]


@pytest.mark.parametrize(("schema", "text"), [
    ({"type": "string"}, ""),
    ({"minimum": 0, "maximum": 100}, "0 to 100"),
    ({"exclusiveMinimum": 0, "maximum": 5}, "more than 0, at most 5"),
    ({"minimum": 1}, "at least 1"),
    ({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 9}, {"type": "null"}]}, "1 to 9 characters"),
    ({"maxItems": 1000}, "at most 1000 entries"),
])  # fmt: skip
def test_bounds_are_said(schema: dict[str, Any], text: str) -> None:
    assert limits(schema) == text


@pytest.mark.parametrize(("schema", "value"), [
    (TASK, {"id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11", "name": "add"}),
    ({"type": "array", "items": {"type": "string", "enum": ["b", "a"]}}, ["b"]),
    ({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, 5),
    ({"type": "integer", "minimum": 0}, 1),
    ({}, {}),
])  # fmt: skip
def test_a_sample_fits(schema: dict[str, Any], value: object) -> None:
    assert sample(schema, DOCUMENT) == value
