"""The arguments of a task as fields of a form: one for each parameter that its workers report.

Values stay JSON text, so that numbers keep every digit.
"""

import re
from collections.abc import Sequence

import msgspec

from lapinq_core.domain.annotations.task_parameter import Given, Shape, TaskParameter

_INTEGER = re.compile(r"-?\d+")
_args = msgspec.json.Decoder(list[msgspec.Raw])
_kwargs = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ArgumentField(msgspec.Struct, frozen=True, kw_only=True):
    """A field. `text` is what stands in it; `usual` is the default as a reader writes it, None without one.

    `is_positional` says whether a call gives it by position where it may choose. `choices` are pairs of JSON and label.
    """

    parameter: TaskParameter
    text: str
    usual: str | None
    is_positional: bool
    choices: list[tuple[str, str]]


def fields_for(
    parameters: Sequence[TaskParameter], args: str = "[]", kwargs: str = "{}"
) -> list[ArgumentField] | None:
    """The fields with the values of a call, as JSON. None if fields can't show them, as when one is too many."""
    positional, named = _args.decode(args), _kwargs.decode(kwargs)
    is_new = not positional and not named
    fields: list[ArgumentField] = []
    for parameter in parameters:
        name, given = parameter.name, parameter.given
        raw: bytes | None = None
        is_positional = given is Given.POSITION or (
            is_new and given is Given.EITHER and parameter.is_required
        )
        if given is Given.REST:
            raw = _joined(positional)
            positional = []
        elif given is Given.OTHERS:
            raw = msgspec.json.encode(named) if named else None
            named = {}
        elif given in {Given.POSITION, Given.EITHER} and positional:
            raw, is_positional = bytes(positional.pop(0)), True
        elif given in {Given.NAME, Given.EITHER} and name in named:
            raw = bytes(named.pop(name))
        text = "" if raw is None else _text(parameter, raw)
        if text is None or (raw is None and parameter.is_required and not is_new):
            return None
        fields.append(
            ArgumentField(
                parameter=parameter,
                text=text,
                usual=_usual(parameter),
                is_positional=is_positional,
                choices=_choices(parameter),
            )
        )
    return None if positional or named else fields


def call_of(task_name: str, parameters: Sequence[TaskParameter] | None) -> str:
    """The signature, such as "send(to: str, *, copies: int = 1)"."""
    if parameters is None:
        return f"{task_name}(…)"
    words: list[str] = []
    has_star = False
    for number, one in enumerate(parameters):
        if one.given is Given.NAME and not has_star:
            words.append("*")
        has_star = has_star or one.given in {Given.REST, Given.NAME}
        words.append(_declared(one))
        following = parameters[number + 1] if number + 1 < len(parameters) else None
        if one.given is Given.POSITION and (following is None or following.given is not Given.POSITION):
            words.append("/")
    return f"{task_name}({', '.join(words)})"


def _declared(parameter: TaskParameter) -> str:
    stars = {Given.REST: "*", Given.OTHERS: "**"}.get(parameter.given, "")
    text = f"{stars}{parameter.name}"
    if parameter.type is not None:
        text = f"{text}: {parameter.type}"
    if parameter.is_required or stars:
        return text
    usual = "…" if parameter.default is msgspec.UNSET else repr(parameter.default)
    return f"{text} = {usual}" if parameter.type is not None else f"{text}={usual}"


def _joined(values: Sequence[msgspec.Raw]) -> bytes | None:
    return b"[" + b", ".join(bytes(value) for value in values) + b"]" if values else None


def _text(parameter: TaskParameter, raw: bytes) -> str | None:
    """What stands in the field for the value; None if the field can't show it."""
    if parameter.given in {Given.REST, Given.OTHERS}:
        return msgspec.json.format(raw, indent=0).decode()
    written = raw.decode().strip()
    if written == "null" and parameter.may_be_null and parameter.default is None:
        return ""  # what the function gets without it
    match parameter.shape:
        case Shape.TEXT:
            # An empty field means that the argument is left out, and a line break would be lost.
            text = msgspec.json.decode(raw)
            return text if isinstance(text, str) and text and "\n" not in text and "\r" not in text else None
        case Shape.INTEGER:
            return written if _INTEGER.fullmatch(written) else None
        case Shape.NUMBER:
            return written if written[:1] in "-0123456789" else None
        case Shape.FLAG:
            return written if written in {"true", "false"} else None
        case Shape.CHOICE:
            value = msgspec.json.encode(msgspec.json.decode(raw)).decode()
            return value if any(value == choice for choice, _ in _choices(parameter)) else None
        case Shape.JSON:
            return msgspec.json.format(raw, indent=0).decode()


def _choices(parameter: TaskParameter) -> list[tuple[str, str]]:
    values = [True, False] if parameter.shape is Shape.FLAG else parameter.choices or []
    return [(msgspec.json.encode(value).decode(), _label(value)) for value in values]


def _label(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _usual(parameter: TaskParameter) -> str | None:
    """None without one, and where it is None itself: a reader would not write that."""
    if parameter.is_required or parameter.default is msgspec.UNSET or parameter.default is None:
        return None
    return _label(parameter.default)
