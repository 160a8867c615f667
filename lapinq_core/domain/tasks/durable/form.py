"""The form of a link by which a person decides: what its JSON schema may be, and the values that fit it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import check_json

MAX_FIELDS = 20
MAX_CHOICES = 100
MAX_FIELD_NAME = 100
MAX_WORDS = 500
"""Characters of a title or description."""
MAX_TEXT = 10_000
"""Characters of a string whose schema sets no `maxLength`, and the most it may set."""
LONG_TEXT = 200
"""From how many characters on a field has several lines."""
MAX_SCHEMA = 64 * 1024

Kind = Literal["string", "number", "integer", "boolean"]
Scalar = str | int | float | bool
Fault = Literal["required", "unknown", "text", "number", "choice", "short", "long", "low", "high"]
"""What is wrong with a value."""

_WORDS_OF: dict[Fault, str] = {
    "required": "must be given",
    "unknown": "is not a field of the form",
    "text": "must be text",
    "number": "must be a number",
    "choice": "must be one of the choices",
    "short": "must have at least {} characters",
    "long": "must have at most {} characters",
    "low": "must be at least {}",
    "high": "must be at most {}",
}
_KINDS = ("string", "number", "integer", "boolean")
_WORDS = ("title", "description")
_OF_KIND: dict[str, frozenset[str]] = {
    "string": frozenset({"maxLength", "minLength", "format"}),
    "number": frozenset({"minimum", "maximum"}),
    "integer": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
}
_OF_ALL = frozenset({"type", "title", "description", "default", "enum"})
_OF_FORM = frozenset(
    {"type", "title", "description", "properties", "required", "additionalProperties", "$schema"}
)
LONG_FORMATS = ("textarea", "multi-line", "multiline")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the form. `default` is None for none; `choices` are those of an enum."""

    name: str
    kind: Kind
    title: str | None = None
    description: str | None = None
    default: Scalar | None = None
    is_required: bool = False
    choices: tuple[Scalar, ...] = ()
    shortest: int = 0
    longest: int = MAX_TEXT
    lowest: float | None = None
    highest: float | None = None
    format: str | None = None

    @property
    def has_several_lines(self) -> bool:
        """Whether its text may have line breaks."""
        if self.format is not None:
            return self.format in LONG_FORMATS
        return self.kind == "string" and LONG_TEXT <= self.longest < MAX_TEXT


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with the value of a field, and the bound that it misses."""

    fault: Fault
    bound: str = ""

    @property
    def words(self) -> str:
        return _WORDS_OF[self.fault].format(self.bound)


def read_schema(schema: object) -> tuple[Field, ...]:
    """The fields of an object schema. Raises `InvalidValue` for what a form can't show."""
    found = _object("schema", schema)
    _no_other("schema", found, _OF_FORM)
    if found.get("type", "object") != "object":
        raise InvalidValue("schema.type", 'must be "object": each of its properties is a field of the form')
    properties = _object("schema.properties", found.get("properties", {}))
    if not 1 <= len(properties) <= MAX_FIELDS:
        raise InvalidValue("schema.properties", f"must have 1 to {MAX_FIELDS} fields")
    required = found.get("required", [])
    if not isinstance(required, list | tuple) or any(
        name not in properties for name in cast("list[Any]", required)
    ):
        raise InvalidValue("schema.required", "must be a list of names in schema.properties")
    return tuple(
        _field(name, one, is_required=name in cast("list[Any]", required)) for name, one in properties.items()
    )


def schema_text(schema: object) -> str:
    """The schema as JSON text. Raises `InvalidValue`."""
    read_schema(schema)
    check_json("schema", schema)
    text = msgspec.json.encode(schema).decode()
    if len(text) > MAX_SCHEMA:
        raise InvalidValue("schema", f"must have at most {MAX_SCHEMA:,} bytes as JSON")
    return text


def read_form(fields: Sequence[Field], given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Problem]]:
    """The values of a submitted form, by field, and what is wrong with the others. An empty field has no value."""
    values: dict[str, Any] = {}
    problems: dict[str, Problem] = {}
    for field in fields:
        text = given.get(field.name, "").replace("\r\n", "\n")
        value = _typed(field, text) if text.strip() else None
        problem = _problem_of(field, value)
        if problem is not None:
            problems[field.name] = problem
        elif value is not None:
            values[field.name] = value
    return values, problems


def problems_of(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Problem]:
    """What is wrong with JSON values, by field."""
    names = {field.name for field in fields}
    problems = {name: Problem("unknown") for name in values if name not in names}
    for field in fields:
        if (problem := _problem_of(field, values.get(field.name))) is not None:
            problems[field.name] = problem
    return problems


def check(fields: Sequence[Field], value: object) -> None:
    """Raises `InvalidValue` unless `value`, decoded JSON, fits the form. Without one anything does."""
    if not fields:
        return
    if not isinstance(value, dict):
        raise InvalidValue("value", "must be an object with the fields of the schema")
    for name, problem in problems_of(fields, cast("dict[str, Any]", value)).items():
        raise InvalidValue(name, problem.words)


def option(value: Scalar) -> str:
    """A choice or a default as a form sends it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _typed(field: Field, text: str) -> Any:
    """The value that somebody typed or chose; the text itself if it has not the kind of the field."""
    if field.choices:
        return next((choice for choice in field.choices if option(choice) == text), text)
    if field.kind == "string":
        return text
    if field.kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    typed = text.strip().replace(",", ".")
    try:
        return int(typed) if field.kind == "integer" else float(typed)
    except ValueError:
        return text


def _problem_of(field: Field, value: Any) -> Problem | None:
    if value is None:
        return Problem("required") if field.is_required else None
    if field.choices:
        return (
            None
            if any(choice == value and type(choice) is type(value) for choice in field.choices)
            else Problem("choice")
        )
    if field.kind == "boolean":
        return None if isinstance(value, bool) else Problem("choice")
    if field.kind == "string":
        if not isinstance(value, str) or "\x00" in value:
            return Problem("text")
        if len(value) < field.shortest:
            return Problem("short", str(field.shortest))
        return Problem("long", str(field.longest)) if len(value) > field.longest else None
    return _problem_of_number(field, value)


def _problem_of_number(field: Field, value: Any) -> Problem | None:
    whole = field.kind == "integer"
    if not _is_number(value):
        return Problem("number")
    if whole and (value != int(value) or abs(value) > 2**53):
        return Problem("number")
    if field.lowest is not None and value < field.lowest:
        return Problem("low", f"{field.lowest:g}")
    if field.highest is not None and value > field.highest:
        return Problem("high", f"{field.highest:g}")
    return None


def _is_number(value: Any) -> bool:
    """Whether it fits into a double. An integer of JSON may have any number of digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _field(name: object, schema: object, *, is_required: bool) -> Field:
    where = f"schema.properties.{name}"
    if not isinstance(name, str) or not 0 < len(name) <= MAX_FIELD_NAME or not name.isprintable():
        raise InvalidValue(
            "schema.properties", f"must have names of 1 to {MAX_FIELD_NAME} printable characters"
        )
    found = _object(where, schema)
    choices = _choices(where, found["enum"]) if "enum" in found else ()
    kind = found.get("type", _kind_of(choices[0]) if choices else None)
    if kind not in _KINDS:
        raise InvalidValue(f"{where}.type", f"must be one of {', '.join(_KINDS)}")
    if any(_kind_of(choice) not in {kind, "integer" if kind == "number" else kind} for choice in choices):
        raise InvalidValue(f"{where}.enum", f"must have values of the type {kind} only")
    _no_other(where, found, _OF_ALL | _OF_KIND[kind])
    for word in _WORDS:
        if word in found and (not isinstance(found[word], str) or len(found[word]) > MAX_WORDS):
            raise InvalidValue(f"{where}.{word}", f"must be a string of at most {MAX_WORDS} characters")
    for number in ("minLength", "maxLength"):
        if number in found and (type(found[number]) is not int or not 0 <= found[number] <= MAX_TEXT):
            raise InvalidValue(f"{where}.{number}", f"must be a number from 0 to {MAX_TEXT:,}")
    for number in ("minimum", "maximum"):
        if number in found and not _is_number(found[number]):
            raise InvalidValue(f"{where}.{number}", "must be a number")
    if "format" in found and not isinstance(found["format"], str):
        raise InvalidValue(f"{where}.format", "must be a string")
    field = Field(
        name=name,
        kind=kind,
        title=found.get("title"),
        description=found.get("description"),
        is_required=is_required,
        choices=choices,
        shortest=found.get("minLength", 0),
        longest=found.get("maxLength", MAX_TEXT),
        lowest=found.get("minimum"),
        highest=found.get("maximum"),
        format=found.get("format"),
    )
    default = found.get("default")
    if default is not None and _problem_of(field, default) is not None:
        raise InvalidValue(f"{where}.default", "must be a value that the field accepts")
    return msgspec.structs.replace(field, default=default)


def _choices(where: str, enum: object) -> tuple[Scalar, ...]:
    if not isinstance(enum, list | tuple) or not 1 <= len(cast("list[Any]", enum)) <= MAX_CHOICES:
        raise InvalidValue(f"{where}.enum", f"must be a list of 1 to {MAX_CHOICES} values")
    choices = tuple(cast("list[Any]", enum))
    for choice in choices:
        if not isinstance(choice, str | int | float) or choice == "":
            raise InvalidValue(
                f"{where}.enum", "must have strings that are not empty, numbers or booleans only"
            )
    return choices


def _kind_of(value: Scalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "integer" if isinstance(value, int) else "number"


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValue(where, "must be an object")
    return cast("dict[str, Any]", value)


def _no_other(where: str, found: Mapping[str, Any], known: frozenset[str]) -> None:
    for word in found:
        if word not in known:
            raise InvalidValue(
                where, f"must not have {word!r}: the form of a link knows {', '.join(sorted(known))}"
            )
