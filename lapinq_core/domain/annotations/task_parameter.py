"""A parameter of a task's function, as workers report it and a form asks for it."""

from enum import StrEnum
from typing import Any

import msgspec


class Given(StrEnum):
    """How a call may give an argument."""

    POSITION = "position"
    NAME = "name"
    EITHER = "either"
    REST = "rest"
    """`*args`: any number of further positional arguments."""
    OTHERS = "others"
    """`**kwargs`: any other keyword arguments."""


class Shape(StrEnum):
    """What the JSON of an argument looks like."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    JSON = "json"
    """Any value."""


class TaskParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a task's function. `type` is its annotation as text, null without one.

    `choices` are the values of a `choice`. `default` is absent if the parameter has none, or one that JSON has not.
    """

    name: str
    given: Given
    type: str | None
    shape: Shape
    choices: list[str | int | bool | None] | None
    may_be_null: bool
    is_required: bool
    default: Any = msgspec.UNSET
