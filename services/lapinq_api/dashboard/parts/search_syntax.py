"""The syntax of the search box above the list of tasks: words of the form `key:value`.

queue:video status:failed transcode args:"[1, 2]" since:1h sort:longest

Words without a key search task names. A value with spaces needs double quotes, in which a backslash escapes a quote or
a backslash. This module reads and writes the syntax; it doesn't interpret the values.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lapinq_core.domain.errors import InvalidValue

MAX_CHARACTERS = 4000

KEYS = {
    "queue": "queue",
    "status": "status",
    "task": "task_name",
    "name": "name",
    "args": "args",
    "result": "result",
    "error": "error",
    "kind": "error_kind",
    "id": "id",
    "worker": "worker",
    "since": "since",
    "until": "until",
    "sort": "sort",
}
"""The page parameter of each key, in the order in which they are written."""

_BARE = "task"


class _Word(NamedTuple):
    key: str | None
    value: str


def parse(text: str) -> dict[str, str]:
    """The parameters in `text`, by name. Raises `InvalidValue`, which names the key."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidValue("the search", f"must have at most {MAX_CHARACTERS} characters")
    found: dict[str, str] = {}
    bare: list[str] = []
    for key, value in _words(text):
        if key is None:
            bare.append(value)
        elif key not in KEYS:
            raise InvalidValue(
                key,
                f"is not a search key: the keys are {', '.join(KEYS)}."
                f' In quotes, "{key}:…", it is part of a name',
            )
        elif not value:
            raise InvalidValue(key, f'needs a value: {key}:something, or {key}:"with spaces"')
        elif KEYS[key] in found:
            raise InvalidValue(key, "is given twice")
        else:
            found[KEYS[key]] = value
    if bare:
        if KEYS[_BARE] in found:
            raise InvalidValue(_BARE, "is given twice: words without a key search task names, too")
        found[KEYS[_BARE]] = " ".join(bare)
    return {name: found[name] for name in KEYS.values() if name in found}


def write(parameters: Mapping[str, str]) -> str:
    """The text for `parameters`, the reverse of `parse`. Omits empty ones and those without a key."""
    return " ".join(
        _write(key, parameters[name]) for key, name in KEYS.items() if parameters.get(name, "") != ""
    )


def _write(key: str, value: str) -> str:
    if key == _BARE and _PLAIN.fullmatch(value) and not _KEY.match(value):
        return value
    return f"{key}:{value}" if _PLAIN.fullmatch(value) else f'{key}:"{_SPECIAL.sub(_ESCAPE, value)}"'


def _words(text: str) -> Iterator[_Word]:
    at = _SPACES.match(text, 0).end()  # pyright: ignore[reportOptionalMemberAccess]  # it also matches the empty string
    while at < len(text):
        key = None
        if match := _KEY.match(text, at):
            key, at = match[1].lower(), match.end()
        if text.startswith('"', at):
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise InvalidValue(key or "the search", "has no closing quote")
            value, at = _UNESCAPED.sub(r"\1", quoted[1]), quoted.end()
            if at < len(text) and not text[at].isspace():
                raise InvalidValue(key or "the search", "needs a space after the closing quote")
        else:
            word = _UNQUOTED.match(text, at)
            value = word[0] if word else ""
            at += len(value)
        if key is not None or value:
            yield _Word(key, value)
        at = _SPACES.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]


_KEY = re.compile(r"([A-Za-z_]+):")
_PLAIN = re.compile(r'[^\s"][^\s]*')
_UNQUOTED = re.compile(r"\S*")
_SPACES = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SPECIAL = re.compile(r'["\\]')
_ESCAPE = r"\\\g<0>"
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
