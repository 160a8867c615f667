"""Arguments as fields of a form: what stands in them, and when JSON says it better."""

from typing import Any, Literal

from lapinq_api.dashboard.parts.argument_fields import ArgumentField, call_of, fields_for
from lapinq_core.domain.annotations.form_fields import form_fields

LARGE = "265252859812191058636308480000000"


def send(to: str, copies: int = 1, *, size: Literal["s", "l"] = "s", at: str | None = None) -> None: ...
def every(first: Any, /, flag: bool, rate: float = 0.5, *rest: int, **others: str) -> None: ...


def fields_of(function: Any, args: str = "[]", kwargs: str = "{}") -> list[ArgumentField] | None:
    parameters = form_fields(function)
    assert parameters is not None
    return fields_for(parameters, args, kwargs)


def test_values_stand_in_their_fields() -> None:
    for function, args, kwargs, texts in (
        (send, "[]", "{}", ["", "", "", ""]),
        (send, '["a@b", 2]', '{"size": "l", "at": null}', ["a@b", "2", '"l"', ""]),
        (send, "[]", f'{{"to": "a", "copies": {LARGE}}}', ["a", LARGE, "", ""]),
        (
            every,
            '[{"a": 1.50}, true, 1e3, 4, 5]',
            '{"x": "y"}',
            ['{"a": 1.50}', "true", "1e3", "[4, 5]", '{"x": "y"}'],
        ),
    ):
        fields = fields_of(function, args, kwargs)
        assert fields is not None
        assert [field.text for field in fields] == texts


def test_a_call_that_fields_cannot_show_is_left_to_json() -> None:
    for args, kwargs in (
        ('["a", 1, 2]', "{}"), ('["a"]', '{"other": 1}'), ('["a"]', '{"to": "b"}'), ("[]", '{"copies": 2}'),
        ("[5]", "{}"), ('[""]', "{}"), ('["a\\nb"]', "{}"), ('["a", true]', "{}"), ('["a", null]', "{}"),
        ('["a", 1.5]', "{}"), ('["a"]', '{"size": "xl"}'), ('["a"]', '{"size": null}'),
    ):  # fmt: skip
        assert fields_of(send, args, kwargs) is None, (args, kwargs)


def test_a_field_knows_its_default_its_choices_and_how_a_call_gives_it() -> None:
    fields, kept = fields_of(send), fields_of(send, '["a", 2]')
    assert fields is not None
    assert kept is not None
    assert [one.usual for one in fields] == [None, "1", "s", None]
    assert [one.is_positional for one in fields] == [True, False, False, False]
    assert [one.is_positional for one in kept] == [True, True, False, False]
    assert fields[2].choices == [('"s"', "s"), ('"l"', "l")]


def test_the_call_is_written_as_python_writes_it() -> None:
    assert call_of("send", form_fields(send)) == (
        "send(to: str, copies: int = 1, *, size: Literal['s', 'l'] = 's', at: str | None = None)"
    )
    assert call_of("every", form_fields(every)) == (
        "every(first: Any, /, flag: bool, rate: float = 0.5, *rest: int, **others: str)"
    )
    assert call_of("unknown", None) == "unknown(…)"
