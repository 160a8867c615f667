"""What a form asks for: the parameters of a function, with the shape of their values."""

import functools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import pytest
from msgspec import UNSET

from lapinq_core.domain.annotations import form_fields as module
from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.annotations.task_parameter import Given, Shape, TaskParameter

Cents = NewType("Cents", int)


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Weight(Enum):
    LIGHT = 1.5


def only(function: Callable[..., Any]) -> TaskParameter:
    fields = form_fields(function)
    assert fields is not None
    [field] = fields
    return field


def of_type(annotation: Any) -> TaskParameter:
    def function(value: Any) -> None: ...

    function.__annotations__["value"] = annotation
    return only(function)


SHAPES: dict[Shape, list[Any]] = {
    Shape.TEXT: [str, datetime, Decimal, UUID],
    Shape.INTEGER: [int, Annotated[int, "seconds"], Cents, "int"],
    Shape.NUMBER: [float],
    Shape.FLAG: [bool],
    Shape.JSON: [int | str, "unknown.Name", Weight, list[int], dict[str, Any], Any, []],
}


@pytest.mark.parametrize(
    ("annotation", "shape", "choices", "may_be_null"),
    [
        *((one, shape, None, False) for shape, annotations in SHAPES.items() for one in annotations),
        (int | None, Shape.INTEGER, None, True),
        (Optional[str], Shape.TEXT, None, True),  # noqa: UP045
        (Literal["a", "b"], Shape.CHOICE, ["a", "b"], False),
        (Literal[1, None], Shape.CHOICE, [1, None], True),
        (Literal["a"] | None, Shape.CHOICE, ["a"], True),
        (Size, Shape.CHOICE, ["s", "l"], False),
    ],
)
def test_an_annotation_tells_the_shape(
    annotation: Any, shape: Shape, choices: list[object] | None, may_be_null: bool
) -> None:
    field = of_type(annotation)
    assert (field.shape, field.choices, field.may_be_null) == (shape, choices, may_be_null)


def test_parameters_come_in_order_with_how_they_are_given() -> None:
    def function(
        first: Any, /, second: int, *rest: str, third: Any, fourth: Any = 1, **others: Any
    ) -> None: ...

    fields = form_fields(function)
    assert fields is not None
    assert [(one.name, one.given, one.type, one.is_required) for one in fields] == [
        ("first", Given.POSITION, "Any", True),
        ("second", Given.EITHER, "int", True),
        ("rest", Given.REST, "str", False),
        ("third", Given.NAME, "Any", True),
        ("fourth", Given.NAME, "Any", False),
        ("others", Given.OTHERS, "Any", False),
    ]


@pytest.mark.parametrize("value", [1, "x", None, [1, {"a": [None]}]])
def test_a_default_is_told_if_json_holds_it(value: object) -> None:
    def function(given: Any = value) -> None: ...

    field = only(function)
    assert not field.is_required
    assert field.default == value


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, Size.SMALL, object(), "x" * module.MAX_VALUE_BYTES])
def test_no_other_default_is(value: object) -> None:
    def function(given: Any = value) -> None: ...

    assert only(function).default is UNSET


def test_large_and_odd_functions_are_no_trouble() -> None:
    def many(**values: Any) -> None: ...

    class Odd:
        @property
        def __signature__(self) -> object:
            raise RuntimeError

        def __call__(self) -> None: ...

    assert form_fields(Odd()) is None
    assert form_fields(iter) is None  # written in C
    names = [f"p{number}" for number in range(module.MAX_PARAMETERS + 1)]
    made: dict[str, Any] = {}
    exec(f"def wide({', '.join(names)}): ...", made)
    assert form_fields(made["wide"]) is None
    assert only(functools.partial(many, x=1)).given is Given.OTHERS
    long = of_type(Literal["x" * 2000])
    assert long.shape is Shape.JSON
    assert long.type is not None
    assert len(long.type) == module.MAX_TYPE + 1
