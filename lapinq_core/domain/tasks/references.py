"""What arguments of a task in a workflow take from its parents: `{"$result": "ref"}` and `{"$outcome": "ref"}`."""

from collections.abc import Iterator
from typing import cast

from lapinq_core.domain.errors import InvalidValue

_NAMES = ("$result", "$outcome")


def refs_in(value: object) -> set[str]:
    """The refs that `value`, JSON at most 100 levels deep, names at any depth.

    An object with another key beside it is data. Raises `InvalidValue` if one names something else than a string.
    """
    return set(_found(value))


def _found(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _found(item)
    elif isinstance(value, dict):
        items = cast("dict[str, object]", value)
        for name, item in items.items():
            if name in _NAMES and len(items) == 1:
                if not isinstance(item, str):
                    raise InvalidValue("", f"must name the ref of a task in {name}, a string")
                yield item
            else:
                yield from _found(item)
