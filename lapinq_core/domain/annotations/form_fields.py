"""The parameters of a task's function as a form asks for them. A worker reports them with the tasks it knows."""

import inspect
import typing
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from lapinq_core.domain.annotations.hints import hints_of, signature_of
from lapinq_core.domain.annotations.kinds import UNIONS, bare
from lapinq_core.domain.annotations.task_parameter import Given, Shape, TaskParameter

MAX_PARAMETERS = 50
MAX_TYPE = 200
MAX_VALUE_BYTES = 1000
"""Of a default value, and of all choices of a parameter, as JSON."""

_GIVEN = {
    inspect.Parameter.POSITIONAL_ONLY: Given.POSITION,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: Given.EITHER,
    inspect.Parameter.VAR_POSITIONAL: Given.REST,
    inspect.Parameter.KEYWORD_ONLY: Given.NAME,
    inspect.Parameter.VAR_KEYWORD: Given.OTHERS,
}
_SHAPES: dict[Any, Shape] = {
    bool: Shape.FLAG,
    int: Shape.INTEGER,
    float: Shape.NUMBER,
    **dict.fromkeys((str, bytes, date, datetime, time, timedelta, Decimal, UUID), Shape.TEXT),
}


def form_fields(function: Callable[..., Any]) -> list[TaskParameter] | None:
    """In the order of the signature. None without a signature, or with too many parameters for a form. Never raises."""
    try:
        signature = signature_of(function)
        if signature is None or len(signature.parameters) > MAX_PARAMETERS:
            return None
        hints = hints_of(function)
        return [_field(one, hints) for one in signature.parameters.values()]
    except Exception:  # noqa: BLE001  # user code: callables, annotations and defaults may be any objects
        return None


def _field(parameter: inspect.Parameter, hints: dict[str, Any]) -> TaskParameter:
    shape, choices, may_be_null = _shape(hints.get(parameter.name, Any))
    is_required = parameter.default is parameter.empty and parameter.kind not in {
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    }
    return TaskParameter(
        name=parameter.name,
        given=_GIVEN[parameter.kind],
        type=_text_of(parameter.annotation),
        shape=shape,
        choices=choices,
        may_be_null=may_be_null or parameter.default is None,
        is_required=is_required,
        default=msgspec.UNSET if is_required else _as_json(parameter.default),
    )


def _shape(annotation: Any) -> tuple[Shape, list[Any] | None, bool]:
    """The shape of its values, the choices if it has any, and whether None fits."""
    annotation = bare(annotation)
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in UNIONS:
        parts = typing.get_args(annotation)
        others = [part for part in parts if part not in {None, NoneType}]
        if len(others) == 1:
            shape, choices, _ = _shape(others[0])
            return shape, choices, len(others) < len(parts)
        return Shape.JSON, None, False
    if (choices := _choices(annotation)) is not None:
        return Shape.CHOICE, choices, None in choices
    try:
        return _SHAPES.get(annotation, Shape.JSON), None, False
    except TypeError:  # not hashable
        return Shape.JSON, None, False


def _choices(annotation: Any) -> list[Any] | None:
    if typing.get_origin(annotation) is Literal:
        values: Sequence[Any] = typing.get_args(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        values = [member.value for member in annotation]
    else:
        return None
    are_plain = all(value is None or type(value) in {str, int, bool} for value in values)
    return list(values) if values and are_plain and _is_small(values) else None


def _text_of(annotation: Any) -> str | None:
    if annotation is inspect.Parameter.empty:
        return None
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = text.replace("typing.", "")
    return text if len(text) <= MAX_TYPE else f"{text[:MAX_TYPE]}…"


def _as_json(value: Any) -> Any:
    """The value if JSON holds it as it is; UNSET otherwise, also for a large one."""
    is_same = _is_plain(value) and _is_small(value)
    return value if is_same else msgspec.UNSET


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, cast("list[Any]", value)))
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return all(type(name) is str and _is_plain(each) for name, each in items)
    return value is None or type(value) in {str, int, float, bool}


def _is_small(value: Any) -> bool:
    return len(msgspec.json.encode(value)) <= MAX_VALUE_BYTES
