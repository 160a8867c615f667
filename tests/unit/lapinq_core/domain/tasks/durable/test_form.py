"""The form of a link: which schemas it takes, and which values."""

from typing import Any

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.durable.form import (
    Problem,
    problems_of,
    read_form,
    read_schema,
    schema_text,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean", "title": "Do you approve?"},
        "discount": {"type": "number", "minimum": 0, "maximum": 50, "default": 2.5},
        "parts": {"type": "integer", "minimum": 1},
        "carrier": {"enum": ["DHL", "UPS"]},
        "size": {"type": "integer", "enum": [1, 2]},
        "reason": {"type": "string", "minLength": 3, "maxLength": 300},
    },
    "required": ["approved"],
}
FIELDS = read_schema(SCHEMA)


def of(**schema: Any) -> dict[str, Any]:
    return {"properties": {"a": schema}}


def test_a_field_has_what_its_schema_says() -> None:
    approved, discount, _, carrier, size, reason = FIELDS
    assert (approved.kind, approved.title, approved.is_required) == ("boolean", "Do you approve?", True)
    assert (discount.default, discount.is_required) == (2.5, False)
    assert (carrier.kind, carrier.choices, size.kind) == ("string", ("DHL", "UPS"), "integer")
    assert reason.has_several_lines
    assert not carrier.has_several_lines
    [marked] = read_schema(of(type="string", format="textarea", maxLength=20))
    assert marked.has_several_lines


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ("no object", "schema"),
        ({}, "schema.properties"),
        ({"type": "array", "properties": {}}, "schema.type"),
        ({"properties": {str(n): {"type": "string"} for n in range(21)}}, "schema.properties"),
        ({"properties": {"": {"type": "string"}}}, "schema.properties"),
        ({**of(type="string"), "required": ["b"]}, "schema.required"),
        ({**of(type="string"), "anyOf": []}, "schema"),
        (of(type="object"), "schema.properties.a.type"),
        (of(), "schema.properties.a.type"),
        (of(type="string", pattern="a+"), "schema.properties.a"),
        (of(type="string", minimum=1), "schema.properties.a"),
        (of(type="string", title=1), "schema.properties.a.title"),
        (of(type="string", maxLength=10**9), "schema.properties.a.maxLength"),
        (of(type="number", minimum="1"), "schema.properties.a.minimum"),
        (of(type="number", maximum=10**400), "schema.properties.a.maximum"),
        (of(type="integer", default=10**400), "schema.properties.a.default"),
        (of(type="string", format=1), "schema.properties.a.format"),
        (of(type="string", enum=[]), "schema.properties.a.enum"),
        (of(type="string", enum=["a", 1]), "schema.properties.a.enum"),
        (of(enum=[None]), "schema.properties.a.enum"),
        (of(type="integer", default=1.5), "schema.properties.a.default"),
        (of(enum=["a"], default="b"), "schema.properties.a.default"),
        (of(type="string", title="a\x00"), "schema"),
    ],
)
def test_a_schema_that_no_form_can_show_is_refused(schema: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        schema_text(schema)
    assert refused.value.loc.startswith(field)


def test_a_form_gives_typed_values_and_leaves_out_empty_fields() -> None:
    given = {
        "approved": "false",
        "discount": "2,5",
        "size": "2",
        "carrier": "",
        "reason": "a\r\nb",
        "more": "x",
    }
    assert read_form(FIELDS, given) == (
        {"approved": False, "discount": 2.5, "size": 2, "reason": "a\nb"},
        {},
    )


@pytest.mark.parametrize(
    ("name", "typed", "value", "problem"),
    [
        ("approved", "", None, Problem("required")),
        ("approved", "perhaps", 1, Problem("choice")),
        ("discount", "much", "much", Problem("number")),
        ("discount", "nan", True, Problem("number")),
        ("discount", "-1", -1, Problem("low", "0")),
        ("discount", "50.5", 50.5, Problem("high", "50")),
        ("parts", "1.5", 1.5, Problem("number")),
        ("parts", "9007199254740993", 2**53 + 1, Problem("number")),
        ("carrier", "GLS", ["DHL"], Problem("choice")),
        ("size", "3", True, Problem("choice")),
        ("reason", "ab", "ab", Problem("short", "3")),
        ("reason", "a" * 301, "a" * 301, Problem("long", "300")),
        ("reason", "a\x00bc", 7, Problem("text")),
    ],
)
def test_a_wrong_value_is_told_at_its_field(name: str, typed: str, value: Any, problem: Problem) -> None:
    _, problems = read_form(FIELDS, {"approved": "true", name: typed})
    assert problems == {name: problem}
    assert problems_of(FIELDS, {"approved": True, name: value}) == {name: problem}


def test_json_has_no_other_fields() -> None:
    assert problems_of(FIELDS, {"approved": True, "b": 1}) == {"b": Problem("unknown")}
