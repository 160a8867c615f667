"""Converts the text of a setting to its value, by the type of its field."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from lapinq_core.domain.errors import LapinqError

Bytes = Annotated[int, Meta(ge=1, title="bytes")]


class SettingsError(LapinqError):
    """A setting is invalid."""


class EmptySetting(SettingsError):
    """A setting that guards something is set but empty."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is set but empty: give it a value, or leave it out")


def is_empty(value: object) -> bool:
    """Whether it is a blank text, or a list without items."""
    return value == () or (isinstance(value, str) and not value.strip())


def convert(name: str, raw: object, hint: object) -> object:
    """The value of type `hint` for the text `raw`. Raises `SettingsError`, which calls it `name`."""
    if isinstance(raw, str):
        hint_args = [arg for arg in get_args(hint) if arg is not type(None)]
        if get_origin(hint) is tuple:
            raw = tuple(part.strip() for part in raw.split(",") if part.strip())
        elif Path in hint_args:
            raw = Path(raw).expanduser()
        elif Bytes in (hint, *hint_args):
            raw = _bytes(name, raw)
        elif bool in (hint, *hint_args):
            raw = _BOOLEANS[_choice(name, raw, list(_BOOLEANS))]
        elif get_origin(hint) is Literal:
            raw = _choice(name, raw, hint_args)
    if isinstance(raw, Path):
        return raw
    try:
        return msgspec.convert(raw, hint, strict=False)
    except msgspec.ValidationError as error:
        wanted = _number_wanted(hint)
        said = f"expected {wanted}, got {raw!r}" if wanted else f"{str(error)[0].lower()}{str(error)[1:]}"
        raise SettingsError(f"{name}: {said}") from error


def _number_wanted(hint: object) -> str | None:
    """What kind of number `hint` takes, in words; None if it takes none."""
    for kind in (hint, *get_args(hint)):
        bounds = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
        number = next((one for one in (kind, *get_args(kind)) if one in (int, float)), None)
        if number is None:
            continue
        least, above, most = (
            next((value for meta in bounds if (value := getattr(meta, name)) is not None), None)
            for name in ("ge", "gt", "le")
        )
        words = "a whole number" if number is int else "a number"
        if above is not None:
            words += f" above {above}"
        elif least is not None:
            words += f" from {least}" if most is not None else f" of at least {least}"
        return words if most is None else f"{words} {'to' if least is not None else 'up to'} {most}"
    return None


def _choice(name: str, text: str, choices: Sequence[str]) -> str:
    choice = text.strip().lower()
    if choice not in choices:
        raise SettingsError(f"{name}: expected {', '.join(choices[:-1])} or {choices[-1]}, got {text!r}")
    return choice


def _bytes(name: str, text: str) -> int:
    match = _SIZE.fullmatch(text.strip().upper())
    size = int(float(match["number"]) * _FACTORS[match["unit"]]) if match else 0
    if not 1 <= size <= _MAX_BYTES:
        raise SettingsError(
            f"{name}: expected a size in bytes, or one such as 512M, 1.5G or 2GiB, got {text!r}"
        )
    return size


_SIZE = re.compile(
    r"(?P<number>\d{1,15}|\d{1,15}\.\d{1,15}(?=\s*[KMGT]))\s*(?P<unit>[KMGT]?)(I?B)?", re.ASCII
)
_FACTORS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_MAX_BYTES = 2**50
_BOOLEANS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
