"""Which annotations act, what arrives, and what a misfit says."""

import enum
import pathlib
from collections import abc
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import attrs
import msgspec
import pytest
from typing_extensions import TypeAliasType
from typing_extensions import TypedDict as ExtendedTypedDict

from lapinq_core.domain.annotations.reader import Misfit, make_reader

T = TypeVar("T")
Key = TypeVar("Key", bound=UUID)
UserId = NewType("UserId", UUID)
Ids = TypeAliasType("Ids", list[UUID])
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | None")
ID = UUID("0198f3c2-7a10-7000-8000-000000000001")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Strange(enum.Enum):
    PAIR = (1, 2)


@dataclass
class Card:
    number: str


@dataclass
class Invoice:
    number: str
    due: date


@dataclass
class Order:
    """Has fields that msgspec refuses, and itself in a field."""

    at: date | datetime
    payment: Card | Invoice
    key: UUID | str = "none"
    parts: list["Order"] = field(default_factory=list["Order"])
    total: Decimal = field(init=False, default=Decimal(0))


class Box(msgspec.Struct, Generic[T], rename="camel"):
    some_value: T


class Loose(msgspec.Struct, rename="camel"):
    some_key: UUID | str
    size: int = 1


class Point(NamedTuple):
    x: int
    y: date | datetime = NOON


class Options(TypedDict, total=False):
    level: Required[int]
    until: date | datetime


class Paid(TypedDict):
    at: datetime


class Extended(ExtendedTypedDict):
    key: UUID
    other: NotRequired[UUID | str]


@attrs.define
class Parcel:
    id: UUID


@dataclass
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("must be positive")


class Tagged(msgspec.Struct, tag=True):
    id: UUID


@dataclass
class Secretive:
    key: UUID
    seed: InitVar[int]


@dataclass
class Renamed:
    key: "NotThere"  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


class Foreign:
    pass


FITS: list[tuple[Any, Any]] = [
    (UUID, ID),
    (UserId, ID),
    (Key, ID),
    (Ids, [ID]),
    (UUID | None, None),
    (int | UUID, 5),
    (bytes, b"\x00\xff"),
    (bytearray, bytearray(b"a")),
    (datetime, NOON),
    (date, date(2026, 5, 1)),
    (time, time(12, 30)),
    (timedelta, timedelta(days=1, microseconds=5)),
    (Decimal, Decimal("1.50")),
    (Colour, Colour.RED),
    (Level, Level.LOW),
    (tuple, (1, "a")),
    (tuple[int, UUID], (1, ID)),
    (tuple[int, ...], (1, 2)),
    (set[int], {1, 2}),
    (frozenset[str], frozenset("ab")),
    (list[UUID], [ID]),
    (abc.Sequence[UUID], [ID]),
    (abc.Iterable[UUID], [ID]),
    (dict[str, abc.Iterable[UUID]], {"a": [ID]}),
    (dict[str, list[datetime]], {"a": [NOON]}),
    (abc.Mapping[str, UUID], {"a": ID}),
    (dict[int, str], {1: "a"}),
    (dict[Colour, int], {Colour.RED: 1}),
    (Card, Card("1")),
    (list[Card] | None, [Card("1")]),
    (Box[UUID], Box(ID)),
    (Tagged, Tagged(ID)),
    (Paid, {"at": NOON}),
    (Extended, {"key": ID, "other": "a"}),
    (Point, Point(1, NOON)),
    (Parcel, Parcel(ID)),
    (Annotated[int, msgspec.Meta(ge=1)], 1),
    # What msgspec refuses: the first that fits.
    (date | datetime, NOON),
    (UUID | str, ID),
    (UUID | str, "a"),
    (str | UUID, str(ID)),
    (Card | Invoice, Card("1")),
    (Card | Invoice, Invoice("1", date(2026, 5, 1))),
    (Invoice | Card | None, Card("1")),
    (Tagged | Card, Tagged(ID)),
    (Card | Options, {"level": 1}),
    (list[Card | Invoice], [Card("1"), Invoice("1", date(2026, 5, 1))]),
    (dict[str, tuple[Card | Invoice, ...]], {"a": (Card("1"),)}),
    (abc.Iterable[Card | Invoice], [Card("1")]),
    (Order, Order(NOON, Invoice("1", date(2026, 5, 1)), ID, [Order(date(2026, 5, 1), Card("2"))])),
    (Order | UUID, Order(NOON, Card("1"))),
    (Loose, Loose(ID)),
    (Point, Point(1, date(2026, 5, 1))),
    (Options, {"level": 1, "until": NOON}),
    (Annotated[Card | Invoice, "a remark"], Card("1")),
]
PLAIN: list[Any] = [
    Any, object, None, int, float, bool, str, list, dict, list[int], abc.Sequence, abc.Sequence[str],
    dict[str, Any], dict[Literal["a"], int], int | str | None, Literal["a", 1], T, Json, Annotated[int, "a remark"],
    # Nobody knows how to make one.
    Foreign, list[Foreign], Foreign | UUID, pathlib.Path, Callable[[UUID], UUID], type[UUID], Literal[Colour.RED],
    "not resolved",
]  # fmt: skip


def read(annotation: Any, text: bytes) -> Any:
    reader = make_reader(annotation)
    assert reader is not None
    return reader(text)


@pytest.mark.parametrize(("annotation", "value"), FITS)
def test_what_is_encoded_arrives_as_annotated(annotation: Any, value: Any) -> None:
    arrived = read(annotation, msgspec.json.encode(value))
    assert arrived == value
    assert type(arrived) is type(value)


def test_what_json_has_or_nobody_can_make_arrives_as_it_was_sent_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for annotation in PLAIN:
        assert make_reader(annotation) is None, annotation
    assert not caplog.records


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (UUID, b'"x"', "Invalid UUID"),
        (UUID, b"5", "Expected `uuid`, got `int`"),
        (int | UUID, b"1.5", "Expected `int | uuid`, got `float`"),
        (tuple[int, str], b'["1","a"]', "Expected `int`, got `str` - at `$[0]`"),
        (dict[str, UUID], b'{"a":"x"}', "Invalid UUID - at `$[...]`"),
        (Card, b"{}", "Object missing required field `number`"),
        (list[Positive], b'[{"value":0}]', "must be positive - at `$[0]`"),
        (date | datetime, b'"x"', "Expected `date | datetime`, got `str`"),
        (Card | Invoice, b"[]", "Expected `Card | Invoice`, got `array`"),
        (
            list[Card | Invoice],
            b'[{"number":"1","du":1}]',
            "Expected `Card | Invoice`, got `object`; Card: Object contains unknown field `du`;"
            " Invoice: Object contains unknown field `du` - at `$[0]`",
        ),
        (
            Order,
            b'{"at":"2026-05-01","payment":{"number":"1"},"parts":[{"at":"x","payment":{"number":"1"}}]}',
            "Expected `date | datetime`, got `str` - at `$.parts[0].at`",
        ),
        (Order, b'{"at":"2026-05-01"}', "Object missing required field `payment`"),
        (Options, b"{}", "Object missing required field `level`"),
    ],
)
def test_a_misfit_says_what_and_where(annotation: Any, text: bytes, message: str) -> None:
    with pytest.raises(Misfit) as error:
        read(annotation, text)
    assert str(error.value) == message


def test_a_class_that_cannot_be_made_fails_only_where_a_value_has_one() -> None:
    @dataclass
    class Holder:
        id: UUID
        foreign: Foreign | None = None

    assert read(Holder, msgspec.json.encode({"id": ID})) == Holder(ID)
    with pytest.raises(Misfit, match=r"Expected `Foreign`, which can't be made of JSON - at `\$.foreign`"):
        read(Holder, msgspec.json.encode({"id": ID, "foreign": {}}))


@pytest.mark.parametrize("annotation", [Strange, list[Secretive], Renamed])
def test_a_class_that_cannot_be_read_is_told_and_its_values_arrive_as_they_were_sent(
    annotation: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert make_reader(annotation) is None
    assert f"values annotated as {annotation!r} arrive as JSON holds them" in caplog.text


def test_other_errors_of_a_users_class_are_not_misfits() -> None:
    @dataclass
    class Closed:
        id: UUID

        def __post_init__(self) -> None:
            raise ConnectionError("no database")

    with pytest.raises(ConnectionError):
        read(Closed, msgspec.json.encode({"id": ID}))
