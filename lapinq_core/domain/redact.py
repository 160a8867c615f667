"""Hides values in what tasks carry, by the names of their keys. From whom they are hidden is not decided here.

A name counts wherever it is the key of an object, at any depth. It also counts as the name of a field of a task: `args`
hides every positional argument, which have no names of their own.
"""

from collections.abc import Iterable
from fnmatch import translate
from re import compile as pattern
from typing import Any, cast

import msgspec

HIDDEN = "[hidden]"
HIDDEN_TEXT = f'"{HIDDEN}"'
"""The same as JSON text."""

RESULT = "result"
"""The field that holds JSON text."""
PAYLOAD_FIELDS = ("args", "kwargs", RESULT, "metadata")
"""What a task was given and what it gave back. Errors, tracebacks, logs and progress are words about it."""


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
