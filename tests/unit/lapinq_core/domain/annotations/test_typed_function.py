"""Which argument and which result is read by which annotation."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from lapinq_core.domain.annotations.typed_function import typed_parameters, typed_result
from lapinq_core.domain.errors import TypeMismatch
from tests.unit.lapinq_core.domain.annotations import future

ID = UUID("0198f3c2-7a10-7000-8000-000000000001")


def everything(a: UUID, b: int, /, c: UUID, d: Any = None, *rest: date, e: UUID = ID, **others: UUID) -> UUID:
    """All kinds of parameters."""
    return a


def plain(a: int, b: list[int], c: Any, *rest: str, **others: float) -> int:
    return a


class Caller:
    def __call__(self, a: UUID) -> None: ...

    def method(self, a: UUID) -> None: ...


def read(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    parameters = typed_parameters(function, "work")
    assert parameters is not None
    return parameters.read(msgspec.json.encode(args), msgspec.json.encode(kwargs))


def test_each_argument_is_read_as_its_parameter_says() -> None:
    args, kwargs = read(everything, ID, "5", ID, ID, "2026-05-01", e=ID, a=ID, d=ID)
    assert args == [ID, "5", ID, str(ID), date(2026, 5, 1)]
    assert kwargs == {"e": ID, "a": ID, "d": str(ID)}  # `a` is positional-only, so this one is another


def test_a_default_of_none_means_that_none_fits() -> None:
    def late(at: date = None, many: list[UUID] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert read(late, None, None) == ([None, None], {})
    assert read(late, many=[ID]) == ([], {"many": [ID]})


def test_arguments_without_a_parameter_are_left_to_the_call() -> None:
    def one(a: UUID) -> None: ...

    assert read(one, ID, "b", c="c") == ([ID, "b"], {"c": "c"})
    assert read(one) == ([], {})


@pytest.mark.parametrize(
    ("args", "kwargs", "argument", "message"),
    [
        (["x", 1, str(ID)], {}, "a", "work(): argument 'a': Invalid UUID"),
        ([str(ID), 1, str(ID), 1, "x"], {}, 4, "work(): argument 5: Invalid RFC3339 encoded date"),
        ([], {"e": 5}, "e", "work(): argument 'e': Expected `uuid`, got `int`"),
        ([], {"z": 5}, "z", "work(): argument 'z': Expected `uuid`, got `int`"),
    ],
)
def test_a_misfit_names_the_argument_and_is_found_beforehand(
    args: list[Any], kwargs: dict[str, Any], argument: str | int, message: str
) -> None:
    parameters = typed_parameters(everything, "work")
    assert parameters is not None
    raw = [msgspec.Raw(msgspec.json.encode(one)) for one in args]
    named = {name: msgspec.Raw(msgspec.json.encode(one)) for name, one in kwargs.items()}
    for attempt in (lambda: read(everything, *args, **kwargs), lambda: parameters.check(raw, named)):
        with pytest.raises(TypeMismatch) as error:
            attempt()
        assert str(error.value) == message
        assert (error.value.task_name, error.value.argument) == ("work", argument)


@pytest.mark.parametrize("function", [plain, lambda: 1, print, int, 5])
def test_a_function_without_annotations_that_act_has_none(function: Any) -> None:
    assert typed_parameters(function, "work") is None
    assert typed_result(function, "work") is None


@pytest.mark.parametrize("function", [Caller(), Caller().method, functools.partial(Caller.method, Caller())])
def test_any_callable_has_annotations(function: Any) -> None:
    assert read(function, ID) == ([ID], {})


def test_a_name_that_is_not_there_leaves_the_other_annotations_alone() -> None:
    assert read(future.partly_resolved, ID, ID, ID) == ([str(ID), ID, str(ID)], {})


def test_annotations_are_those_of_what_is_called() -> None:
    assert typed_parameters(future.decorated, "work") is None
    assert read(future.replaced, ID) == ([ID], {})


def test_a_result_is_read_by_the_annotation() -> None:
    reader = typed_result(everything, "work")
    assert reader is not None
    assert reader(msgspec.json.encode(ID)) == ID
    with pytest.raises(TypeMismatch, match=r"^work\(\): result: Invalid UUID$") as error:
        reader(b'"x"')
    assert error.value.argument is None
