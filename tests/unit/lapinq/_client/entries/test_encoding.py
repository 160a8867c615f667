import dataclasses
import enum
import json
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

from lapinq._client.entries.encoding import encode


class Colour(enum.Enum):
    RED = "red"


class Label(str):
    __slots__ = ()


class Count(int):
    pass


class Share(float):
    pass


@dataclasses.dataclass
class Size:
    width: int
    height: int | None = None


class Box(msgspec.Struct):
    size: Size
    share: float


class User(pydantic.BaseModel):
    id: uuid.UUID
    share: float = 0.5


class Login(pydantic.BaseModel):
    password: pydantic.SecretStr


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ([1, 2.5, True, "é", None], [1, 2.5, True, "é", None]),
        ((1, 2), [1, 2]),
        ({1: "a"}, {"1": "a"}),
        (2**70, 2**70),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),  # noqa: DTZ001
        (date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), "1.10"),
        (Colour.RED, "red"),
        (Size(1), {"width": 1, "height": None}),
        (Box(Size(1, 2), 0.5), {"size": {"width": 1, "height": 2}, "share": 0.5}),
        (OrderedDict([("a", 1)]), {"a": 1}),
        ([Label("x"), Count(3), Share(0.5), None], ["x", 3, 0.5, None]),
        (b"\x00\xff", "AP8="),
        ([User(id=uuid.UUID(int=1))], [{"id": "00000000-0000-0000-0000-000000000001", "share": 0.5}]),
    ],
)
def test_values_with_a_json_form_are_encoded(value: Any, expected: Any) -> None:
    assert json.loads(bytes(encode(value, "it"))) == expected


@pytest.mark.parametrize("value", [object(), 1j, print, [1, {"a": object()}], {(1, 2): 3}, range(3)])
def test_a_value_without_a_json_form_is_a_type_error_that_names_it(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^args\[2\] cannot be sent as JSON: "):
        encode(value, "args[2]")


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [None, -float("inf")],
        {"a": [{"b": (1, float("nan"))}]},
        Share("nan"),
        Size(1, float("nan")),  # pyright: ignore[reportArgumentType]
        Box(Size(1), float("inf")),
        [User(id=uuid.UUID(int=1), share=float("nan"))],
    ],
)
def test_nan_and_infinity_are_refused_wherever_they_are(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^size cannot be sent as JSON: it holds NaN or an infinite number"):
        encode(value, "size")


def test_secrets_lists_inside_themselves_and_lone_surrogates_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value, told in (
        (Login(password=pydantic.SecretStr("x")), "it holds a secret"),
        (endless, "it contains itself"),
        ("\ud800", ".*surrogates"),
    ):
        with pytest.raises(ValueError, match=f"^it cannot be sent as JSON: {told}"):
            encode(value, "it")
