"""Arguments as fields of a form: what stands in them, and when JSON says it better."""

from typing import Any, Literal

import pytest

from lapinq_api.dashboard.parts.argument_fields import call_of, fields_for
from lapinq_core.domain.annotations.form_fields import form_fields

LARGE = "265252859812191058636308480000000"


def send(to: str, copies: int = 1, *, size: Literal["s", "l"] = "s", at: str | None = None) -> None: ...
def every(first: Any, /, flag: bool, rate: float = 0.5, *rest: int, **others: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "texts"),
    [
        (send, "[]", "{}", ["", "", "", ""]),
        (send, '["a@b"]', "{}", ["a@b", "", "", ""]),
        (send, '["a@b", 2]', '{"size": "l", "at": null}', ["a@b", "2", '"l"', ""]),
        (send, "[]", f'{{"to": "a", "copies": {LARGE}}}', ["a", LARGE, "", ""]),
        (
            every,
            '[{"a": 1.50}, true, 1e3, 4, 5]',
            '{"x": "y"}',
            ['{"a": 1.50}', "true", "1e3", "[4, 5]", '{"x": "y"}'],
        ),
    ],
)
def test_values_stand_in_their_fields(function: Any, args: str, kwargs: str, texts: list[str]) -> None:
    parameters = form_fields(function)
    assert parameters is not None
    fields = fields_for(parameters, args, kwargs)
    assert fields is not None
    assert [field.text for field in fields] == texts


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ('["a", 1, 2]', "{}"),
        ('["a"]', '{"other": 1}'),
        ('["a"]', '{"to": "b"}'),
        ("[]", '{"copies": 2}'),
        ("[5]", "{}"),
        ('[""]', "{}"),
        ('["a\\nb"]', "{}"),
        ('["a", true]', "{}"),
        ('["a", null]', "{}"),
        ('["a", 1.5]', "{}"),
        ('["a"]', '{"size": "xl"}'),
        ('["a"]', '{"size": null}'),
    ],
)
def test_a_call_that_fields_cannot_show_is_left_to_json(args: str, kwargs: str) -> None:
    parameters = form_fields(send)
    assert parameters is not None
    assert fields_for(parameters, args, kwargs) is None


def test_a_field_knows_its_default_its_choices_and_how_a_call_gives_it() -> None:
    parameters = form_fields(send)
    assert parameters is not None
    fields = fields_for(parameters)
    assert fields is not None
    assert [(one.usual, one.is_positional) for one in fields] == [
        (None, True),
        ("1", False),
        ("s", False),
        (None, False),
    ]
    assert fields[2].choices == [('"s"', "s"), ('"l"', "l")]
    kept = fields_for(parameters, '["a", 2]')
    assert kept is not None
    assert [one.is_positional for one in kept] == [True, True, False, False]


def test_the_call_is_written_as_python_writes_it() -> None:
    assert call_of("send", form_fields(send)) == (
        "send(to: str, copies: int = 1, *, size: Literal['s', 'l'] = 's', at: str | None = None)"
    )
    assert call_of("every", form_fields(every)) == (
        "every(first: Any, /, flag: bool, rate: float = 0.5, *rest: int, **others: str)"
    )
    assert call_of("unknown", None) == "unknown(…)"
