"""JSON Schema as a person reads it."""

from typing import Any

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
NUMBER_OR_NULL: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}


def test_a_type_is_named_and_a_named_schema_is_led_to() -> None:
    lists = {"type": "array", "items": TASK}
    named: list[tuple[dict[str, Any], str]] = [
        ({}, "any JSON"),
        ({"type": "string", "format": "date-time"}, "ISO 8601 time"),
        (NUMBER_OR_NULL, "integer or null"),
        ({"type": "array"}, "list"),
        ({"type": "object", "additionalProperties": lists}, "object of list of Task"),
        ({"type": "string", "enum": ["a", "b"]}, 'one of "a", "b"'),
        ({"anyOf": [TASK, {"type": "null"}]}, "Task or null"),
    ]
    for schema, text in named:
        assert "".join(word.text for word in words(schema)) == text
    assert words(lists) == [Word("list of "), Word("Task", "Task")]


def test_bounds_are_said() -> None:
    text = {"type": "string", "minLength": 1, "maxLength": 9}
    said: list[tuple[dict[str, Any], str]] = [
        ({"type": "string"}, ""),
        ({"minimum": 0, "maximum": 100}, "0 to 100"),
        ({"exclusiveMinimum": 0, "maximum": 5}, "more than 0, at most 5"),
        ({"minimum": 1}, "at least 1"),
        ({"anyOf": [text, {"type": "null"}]}, "1 to 9 characters"),
        ({"maxItems": 1000}, "at most 1000 entries"),
    ]
    for schema, words_of_it in said:
        assert limits(schema) == words_of_it


def test_a_sample_fits() -> None:
    samples: list[tuple[dict[str, Any], object]] = [
        (TASK, {"id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11", "name": "add"}),
        ({"type": "array", "items": {"type": "string", "enum": ["b", "a"]}}, ["b"]),
        (NUMBER_OR_NULL, 5),
        ({"type": "integer", "minimum": 0}, 1),
        ({}, {}),
    ]
    for schema, value in samples:
        assert sample(schema, DOCUMENT) == value
