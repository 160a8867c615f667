"""Describes a JSON Schema in words, and generates a sample value."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

_FORMATS = {"uuid": "UUID", "date-time": "ISO 8601 time", "uri": "URL"}
_SAMPLES: dict[str, Any] = {
    "uuid": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11",
    "date-time": "2030-01-31T12:00:00Z",
}
_EMPTY: dict[str, Any] = {
    "string": "…",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
}


class Word(msgspec.Struct, frozen=True):
    """A part of a type's description; `schema` names the schema that it links to."""

    text: str
    schema: str | None = None


def words(schema: Schema) -> list[Word]:
    """A type's description, e.g. "list of" and a link to a named schema. Null comes last."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Word(name, name)]
    if "anyOf" in schema:
        found: list[Word] = []
        for one in schema["anyOf"]:
            found += [Word(" or "), *words(one)] if found else words(one)
        return found
    if "enum" in schema:
        return [Word("one of " + ", ".join(json.dumps(one) for one in schema["enum"]))]
    if "const" in schema:
        return [Word(json.dumps(schema["const"]))]
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return [Word("list of "), *words(schema["items"])] if schema.get("items") else [Word("list")]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [Word("object of "), *words(schema["additionalProperties"])]
    return [Word(_FORMATS.get(schema.get("format", ""), kind))]


def limits(schema: Schema) -> str:
    """A value's limits in words, or ""."""
    said = list(_bounds(schema))
    for one in schema.get("anyOf", []):
        said += [text for text in _bounds(one) if text not in said]
    return ", ".join(said)


def _bounds(schema: Schema) -> Iterator[str]:
    match schema:
        case {"minimum": low, "maximum": high}:
            yield f"{low} to {high}"
        case {"minimum": low}:
            yield f"at least {low}"
        case {"exclusiveMinimum": low, "maximum": high}:
            yield f"more than {low}, at most {high}"
        case {"maximum": high}:
            yield f"at most {high}"
        case _:
            pass
    match schema:
        case {"minLength": low, "maxLength": high}:
            yield f"{low} to {high} characters"
        case {"maxLength": high}:
            yield f"at most {high} characters"
        case {"minLength": low}:
            yield f"at least {low} characters"
        case _:
            pass
    match schema:
        case {"minItems": low, "maxItems": high}:
            yield f"{low} to {high} entries"
        case {"maxItems": high}:
            yield f"at most {high} entries"
        case {"minItems": low}:
            yield f"at least {low} entries"
        case _:
            pass


def object_in(schema: Schema, document: Schema) -> Schema:
    """The object whose fields to show: the body itself, or the items of a list."""
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return object_in(schema["items"], document) if schema.get("items") else schema


def sample(schema: Schema, document: Schema) -> Any:
    """A valid value. For an object: required fields and those with an example."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return sample(object_in(schema, document), document)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        required = schema.get("required", [])
        return {
            name: sample(field, document)
            for name, field in schema["properties"].items()
            if name in required or "examples" in field
        }
    if schema.get("type") == "array" and schema.get("items"):
        return [sample(schema["items"], document)]
    if "minimum" in schema:
        return max(schema["minimum"], 1)
    return _SAMPLES.get(schema.get("format", ""), _EMPTY.get(schema.get("type", ""), {}))
