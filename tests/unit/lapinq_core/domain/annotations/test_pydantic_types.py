"""Pydantic's types in annotations and as values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest

from lapinq_core.domain.annotations.json_values import as_json_value
from lapinq_core.domain.annotations.reader import Misfit, make_reader

T = TypeVar("T")
ID = UUID("0198f3c2-7a10-7000-8000-000000000001")
MAY = datetime(2026, 5, 1, tzinfo=UTC)


class User(pydantic.BaseModel):
    id: UUID
    tags: set[str] = set()


class Camel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    first_name: str = pydantic.Field(alias="firstName")
    total: int = pydantic.Field(1, serialization_alias="sum")

    @pydantic.computed_field
    @property
    def length(self) -> int:
        return len(self.first_name)


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    at: datetime


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Numbers(pydantic.RootModel[list[int]]):
    pass


@pydantic.dataclasses.dataclass
class Size:
    width: pydantic.PositiveInt


class Key(pydantic.BaseModel):
    secret: pydantic.SecretStr


class Struct(msgspec.Struct):
    user: User
    others: list[User] = []


@dataclass
class Held:
    user: User | None = None


FITS: list[tuple[Any, Any]] = [
    (User, User(id=ID, tags={"a"})),
    (User | None, None),
    (list[User], [User(id=ID)]),
    (dict[str, tuple[User, UUID]], {"a": (User(id=ID), ID)}),
    (User | Strict, Strict(at=MAY)),
    (Page[User], Page[User](items=[User(id=ID)])),
    (Numbers, Numbers([1, 2])),
    (Size, Size(5)),
    (Camel, Camel(firstName="Ada", total=2)),
    (pydantic.PositiveInt, 5),
    (Annotated[str, pydantic.Field(max_length=3)], "abc"),
    (pydantic.HttpUrl, pydantic.HttpUrl("https://example.org/a")),
    (pydantic.FilePath, pydantic.TypeAdapter(pydantic.FilePath).validate_python(__file__)),
    # Pydantic does not know msgspec's structs.
    (Struct, Struct(User(id=ID), [User(id=ID)])),
    (User | Struct, Struct(User(id=ID))),
    (Held, Held(User(id=ID))),
]


def sent(value: Any) -> bytes:
    def encode(part: Any) -> Any:
        return str(part) if hasattr(part, "__fspath__") else as_json_value(part)

    return msgspec.json.encode(value, enc_hook=encode)


def read(annotation: Any, text: bytes) -> Any:
    reader = make_reader(annotation)
    assert reader is not None
    return reader(text)


@pytest.mark.parametrize(("annotation", "value"), FITS)
def test_what_is_encoded_arrives_as_annotated(annotation: Any, value: Any) -> None:
    arrived = read(annotation, sent(value))
    assert arrived == value
    assert type(arrived) is type(value)


def test_plain_annotations_stay_plain_with_pydantic_around() -> None:
    assert make_reader(int) is None
    assert make_reader(Annotated[int, "a remark"]) is None


def test_a_model_is_read_by_its_own_rules() -> None:
    assert read(User, f'{{"id":"{ID}","tags":["a","a"]}}'.encode()) == User(id=ID, tags={"a"})
    assert read(Camel, b'{"firstName":"Ada"}') == read(Camel, b'{"first_name":"Ada"}')
    assert read(Strict, b'{"at":"2026-05-01T00:00:00Z"}') == Strict(at=MAY)


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (
            User,
            b'{"id":5,"tags":1}',
            r"UUID input .* - at `\$.id`; Input should be a valid array - at `\$.tags`",
        ),
        (list[User], b"[{}]", r"Field required - at `\$\[0\].id`"),
        (pydantic.PositiveInt, b"0", "Input should be greater than 0"),
        (
            Struct,
            b'{"user":{"id":"%s"},"others":[{}]}' % str(ID).encode(),
            r"Field required - at `\$.others\[0\].id`",
        ),
        (
            Annotated[list[int], pydantic.Field()],
            b'["a","a","a","a","a","a","a"]',
            r"(Input should be .*?; ){5}2 more",
        ),
    ],
)
def test_a_misfit_says_what_and_where_but_not_the_value(annotation: Any, text: bytes, message: str) -> None:
    with pytest.raises(Misfit, match=f"^{message}$"):
        read(annotation, text)


def test_a_masked_secret_is_not_sent() -> None:
    with pytest.raises(ValueError, match="it holds a secret"):
        as_json_value(Key(secret=pydantic.SecretStr("x")))


def test_other_values_have_no_json_form() -> None:
    with pytest.raises(TypeError, match="Encoding objects of type object is unsupported"):
        as_json_value(object())
