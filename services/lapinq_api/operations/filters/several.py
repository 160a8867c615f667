"""Several values in one parameter, separated by commas.

A value with a comma, a space or a quote stands in double quotes, in which a backslash escapes a quote or a backslash.
"""

import re
from collections.abc import Iterable
from typing import Any

from lapinq_core.domain.errors import InvalidValue

MAX_VALUES = 20


def split(name: str, text: str) -> list[str]:
    """The values in `text`, each once. Raises `InvalidValue`, which names the parameter `name`."""
    values: list[str] = []
    at = 0
    while True:
        match = _VALUE.match(text, at)
        if match is None:
            raise InvalidValue(name, 'must be values separated by commas: a,b or "with spaces",b')
        values.append(match[2] if match[1] is None else _ESCAPED.sub(r"\1", match[1]))
        at = match.end()
        if at == len(text):
            break
        at += 1
    if len(values) > MAX_VALUES:
        raise InvalidValue(name, f"must have at most {MAX_VALUES} values")
    return list(dict.fromkeys(values))


def join(values: Iterable[str]) -> str:
    """The text for `values`, the reverse of `split`."""
    return ",".join(
        value if _PLAIN.fullmatch(value) else f'"{_SPECIAL.sub(_ESCAPE, value)}"' for value in values
    )


def schema_of_texts(longest: int, refused: str = r"\u0000") -> dict[str, Any]:
    """The JSON Schema of several values of at most `longest` characters, of which none is `refused`: characters and
    ranges of them as in a pattern."""
    quoted = rf'"(?:[^"\\{refused}]|\\[^{refused}]){{1,{longest}}}"'
    return _schema_of(rf'(?:{quoted}|[^",{refused}][^,{refused}]{{0,{longest - 1}}})')


def schema_of_pairs(name: str, longest: int) -> dict[str, Any]:
    """The same for `name=value`, with a pattern for names and values of at most `longest` characters."""
    quoted = rf'"{name}=(?:[^"\\\u0000]|\\[^\u0000]){{1,{longest}}}"'
    return _schema_of(rf"(?:{quoted}|{name}=[^,\u0000]{{1,{longest}}})")


def schema_of_words(words: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of several of these words."""
    return _schema_of(f"(?:{'|'.join(words)})")


def _schema_of(value: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{value}(?:,{value}){{0,{MAX_VALUES - 1}}}$"}


_VALUE = re.compile(r'(?:"((?:[^"\\]|\\.)+)"|([^",][^,]*))(?=,|\Z)', re.DOTALL)
_PLAIN = re.compile(r'[^\s",][^\s,]*')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'["\\]')
_ESCAPE = r"\\\g<0>"
