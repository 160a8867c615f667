"""Types of request values, with the domain's checks as JSON Schema.

The schema is for readers and their tools. `lapinq_core.domain` rejects invalid values, with its own messages.
"""

from typing import Annotated, Any

from msgspec import Meta

from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.context import MAX_MESSAGE
from lapinq_core.domain.tasks.key import KEY_PATTERN, MAX_KEY
from lapinq_core.domain.tasks.limit_rules import LIMIT_NAME_PATTERN, MAX_LIMIT_NAME, MAX_LIMITS, MAX_UNITS
from lapinq_core.domain.tasks.retry import MAX_RETRIES
from lapinq_core.domain.tasks.task import MAX_DEPTH, MAX_MODULE_PATH, MAX_NAME, MAX_URL

DEFAULT_KEY = "x-default"
"""Replaces `default` in a field's schema. msgspec would put the struct's default there: null, for "left out"."""

_PRINTABLE = r"^ *[^\p{C}\p{Z}](?:[^\p{C}\p{Z}]| )*$"

TRIMMED = r"^[^\p{C}\p{Z}](?:(?:[^\p{C}\p{Z}]| )*[^\p{C}\p{Z}])?$"
"""A pattern: printable characters without a space at either end."""

WITHOUT_NUL = r"^[^\u0000]*$"
"""A pattern: any character but NUL."""

NAME_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": _PRINTABLE}
"""A queue or task name: printable characters, not only spaces."""

Name = Annotated[str, Meta(extra_json_schema=NAME_SCHEMA)]

_WORD = r"(?!\p{Nd})[\p{L}\p{N}_]+"
DOTTED = rf"^{_WORD}(?:\.{_WORD})*$"
"""A pattern: dotted Python names. In JSON Schema `\\w` would match ASCII only."""

ModulePath = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_MODULE_PATH, "pattern": DOTTED})]

WebhookUrl = Annotated[
    str,
    Meta(
        extra_json_schema={
            "format": "uri",
            "maxLength": MAX_URL,
            "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]",
        }
    ),
]

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

Seconds = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": MAX_SECONDS})]

MoreSeconds = Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": MAX_SECONDS})]
"""A positive number of seconds."""

Retries = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MAX_RETRIES})]

Priority = Annotated[int, Meta(extra_json_schema={"minimum": -(2**31), "maximum": 2**31 - 1})]

KEY_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": KEY_PATTERN}

Key = Annotated[str, Meta(extra_json_schema=KEY_SCHEMA)]

Limits = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "maxProperties": MAX_LIMITS,
            "propertyNames": {"maxLength": MAX_LIMIT_NAME, "pattern": LIMIT_NAME_PATTERN},
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MAX_UNITS},
        }
    ),
]
"""Whole units by name. `check_limits` checks their types, to name the limit."""

Percent = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 100})]

Message = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_MESSAGE, "pattern": WITHOUT_NUL})]

Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]

JSON_LIMITS = (
    "Strings and keys must not contain NUL or half a surrogate pair. Numbers must fit a double and have"
    f" at most 4300 digits. Nesting is limited to {MAX_DEPTH} levels."
)
"""What JSON Schema can't express."""


def doc(text: str, *, default: Any = None, example: Any = None) -> Meta:
    """A field's description, default and example."""
    return Meta(
        description=text,
        examples=None if example is None else [example],
        extra_json_schema=None if default is None else {DEFAULT_KEY: default},
    )
