"""Hides values in what tasks carry, by the names of their keys. From whom they are hidden is not decided here.

In the addresses that webhooks call, what may be a secret is hidden whatever it is called.

A name counts wherever it is the key of an object, at any depth. It also counts as the name of a field of a task: `args`
hides every positional argument, which have no names of their own.
"""

from collections.abc import Iterable
from fnmatch import translate
from re import compile as pattern
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import msgspec

HIDDEN = "[hidden]"
HIDDEN_TEXT = f'"{HIDDEN}"'
"""The same as JSON text."""

RESULT = "result"
"""The field that holds JSON text."""
PAYLOAD_FIELDS = ("args", "kwargs", RESULT, "metadata")
"""What a task was given and what it gave back. Errors, tracebacks, logs and progress are words about it."""
ADDRESS_FIELDS = ("webhook_url", "url")
"""What holds the address of a webhook."""


class Redactor:
    """Hides the values of keys that match one of `patterns`: names, in upper or lower case, or globs like `*token*`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        choices = "|".join(translate(each.casefold()) for each in patterns)
        self._names = pattern(choices or _NOTHING)

    def hides(self, name: str) -> bool:
        """Whether the value of a key of this name is hidden."""
        return self._names.match(name.casefold()) is not None

    def mask(self, value: Any) -> Any:
        """`value`, of what JSON is decoded to, with `HIDDEN` in the place of what is hidden, however deep it is nested.

        `value` is left as it is, and is answered itself when there is nothing to hide in it.
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
        """As `mask`, for a value given as JSON text. What is not JSON is hidden whole: nobody can look into it."""
        try:
            value = msgspec.json.decode(text)
            masked = self.mask(value)
            return text if masked is value else msgspec.json.encode(masked).decode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return HIDDEN_TEXT

    def mask_field(self, name: str, value: Any) -> Any:
        """The value of one of `PAYLOAD_FIELDS`, which keeps its type: a list stays a list, JSON text stays JSON text.

        As with `mask`, it is `value` itself when there is nothing to hide. There is nothing in a field that is None.
        """
        if value is None:
            return None
        if name == RESULT:
            return HIDDEN_TEXT if self.hides(name) else self.mask_text(value)
        return hidden(value) if self.hides(name) else self.mask(value)


def mask_address(url: str) -> str:
    """`url` without its user and password, the values in its query, and its fragment.

    It is `url` itself when there is none of that. What is in its path can't be told from a name, and stays.
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
    """A list or an object with nothing left of its values but how many there are, and their keys."""
    if isinstance(value, dict):
        return dict.fromkeys(cast("dict[str, Any]", value), HIDDEN)
    return [HIDDEN] * len(cast("list[Any]", value)) if isinstance(value, list) else HIDDEN


_NOTHING = "(?!)"


def _keys_of(place: Any) -> Iterable[str | int]:
    return cast("Iterable[str]", place) if isinstance(place, dict) else range(len(place))


def _holds_more(item: Any) -> bool:
    return isinstance(item, dict | list)
