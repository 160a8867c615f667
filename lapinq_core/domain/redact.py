"""Masks values in payloads by the names of their keys. Who sees masked values is decided elsewhere.

In webhook URLs, everything that may be a secret is masked, whatever its name.

A name matches the key of an object at any depth, and the name of a payload field: `args` masks every positional
argument, because they have no names.
"""

from collections.abc import Iterable
from fnmatch import translate
from re import compile as pattern
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import msgspec

HIDDEN = "[hidden]"
HIDDEN_TEXT = f'"{HIDDEN}"'
"""The mask as JSON text."""

RESULT = "result"
"""The field that contains JSON text."""
_ARGUMENTS = ("args", "kwargs")
PAYLOAD_FIELDS = (*_ARGUMENTS, RESULT, "metadata")
"""The values a task was given and returned. Errors, tracebacks, logs and progress are text about it."""
PAYLOAD_FILTERS = (
    *PAYLOAD_FIELDS,
    "arguments",
    "named_arguments",
    "not_arguments",
    "not_metadata",
    "not_results",
)
"""The filters of tasks that look into these values; `arguments` is `args` or `kwargs`."""
ADDRESS_FIELDS = ("webhook_url", "url")
"""The field with a webhook's URL."""


class Redactor:
    """Masks the values of keys that match one of `patterns`: names, ignoring case, or globs such as `*token*`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        choices = "|".join(translate(each.casefold()) for each in patterns)
        self._names = pattern(choices or _NOTHING)

    def hides(self, name: str) -> bool:
        """Whether the value of a key of this name is hidden."""
        return self._names.match(name.casefold()) is not None

    def hides_argument(self, name: str, value: Any) -> bool:
        """Whether something of an argument is hidden that a call gives by this name, or by position."""
        return any(map(self.hides, (name, *_ARGUMENTS))) or self.mask(value) is not value

    def mask(self, value: Any) -> Any:
        """`value`, decoded JSON, with `HIDDEN` in place of masked values at any depth.

        `value` is not modified; it is returned itself if nothing is masked.
        """
        root = [value]
        found = False
        todo: list[Any] = [root]
        while todo:
            place = todo.pop()  # a copy of ours: its values are replaced as they come, its keys stay
            for key in _keys_of(place):
                item = place[key]
                if isinstance(key, str) and self.hides(key):
                    place[key] = HIDDEN
                    found = True
                elif _holds_more(item):
                    place[key] = inner = item.copy()
                    todo.append(inner)
        return root[0] if found else value

    def mask_text(self, text: str) -> str:
        """As `mask`, for JSON text. Text that is not JSON is masked as a whole."""
        try:
            value = msgspec.json.decode(text)
            masked = self.mask(value)
            return text if masked is value else msgspec.json.encode(masked).decode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return HIDDEN_TEXT

    def mask_field(self, name: str, value: Any) -> Any:
        """The value of one of `PAYLOAD_FIELDS`. The type stays: a list stays a list, JSON text stays JSON text.

        As with `mask`, `value` itself is returned if nothing is masked. A field that is None has nothing to mask.
        """
        if value is None:
            return None
        if name == RESULT:
            return HIDDEN_TEXT if self.hides(name) else self.mask_text(value)
        return hidden(value) if self.hides(name) else self.mask(value)


def mask_address(url: str) -> str:
    """`url` without its user, password, query values and fragment.

    `url` itself is returned if it has none of them. The path stays: no name tells which part of it is secret.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    _, has_user, host = parts.netloc.rpartition("@")
    masked = parts._replace(
        netloc=f"{HIDDEN}@{host}" if has_user else host,
        query="&".join(map(_mask_pair, parts.query.split("&"))),
        fragment=parts.fragment and HIDDEN,
    )
    return url if masked == parts else urlunsplit(masked)


def _mask_pair(pair: str) -> str:
    name, is_named, value = pair.partition("=")
    if is_named:
        return f"{name}={value and HIDDEN}"
    return pair and HIDDEN


def hidden(value: Any) -> Any:
    """A list or an object with all values masked; their number and keys stay."""
    if isinstance(value, dict):
        return dict.fromkeys(cast("dict[str, Any]", value), HIDDEN)
    return [HIDDEN] * len(cast("list[Any]", value)) if isinstance(value, list) else HIDDEN


_NOTHING = "(?!)"


def _keys_of(place: Any) -> Iterable[str | int]:
    return cast("Iterable[str]", place) if isinstance(place, dict) else range(len(place))


def _holds_more(item: Any) -> bool:
    return isinstance(item, dict | list)
