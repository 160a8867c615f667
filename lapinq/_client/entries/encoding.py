"""Python values as JSON. A value that JSON would change or lose is refused, and the error names it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import msgspec

from lapinq._client.entries.placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable


def as_basic_type(value: Any) -> Any:
    """For values that msgspec doesn't encode: subclasses of the basic types, sent as that, and Pydantic's."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Placeholder):
        raise TypeError(
            f"{value!r} is not there before the task has run: add this task to the same workflow,"
            " flow.add(task, node), or below the block, pass .ref.result()"
        )
    from lapinq_core.domain.annotations.kinds import is_pydantic

    if is_pydantic(type(value)):
        from lapinq_core.domain.annotations.pydantic_types import dump

        return dump(value)
    kind: type[object] = type(cast("object", value))
    instead = getattr(kind, "__lapinq_instead__", "of a row or an object of yours, pass its id")
    raise TypeError(f"{object.__repr__(value)} has no JSON form; {instead}")


def encode(value: Any, name: str, hook: Callable[[Any], Any] = as_basic_type) -> msgspec.Raw:
    """JSON text of `value`. `hook` makes values that msgspec encodes of those that it doesn't.

    Raises TypeError for a value without a JSON form and ValueError for one that JSON cannot hold (NaN, a lone
    surrogate, a list inside itself). Both messages begin with `name`. A `msgspec.Raw` is JSON text already.
    """
    if isinstance(value, msgspec.Raw):
        return value
    try:
        text = msgspec.json.encode(value, enc_hook=hook)
    except TypeError as error:
        told: object = error
        if (key := _key_without_value(value)) is not None:
            told = f"{key!r} is a key of a dict, which takes its value only: give it as a value, or the pairs as a list"
        raise TypeError(f"{name} cannot be sent as JSON: {told}") from error
    except RecursionError as error:
        raise ValueError(
            f"{name} cannot be sent as JSON: it contains itself or is nested too deeply"
        ) from error
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be sent as JSON: {error}") from error
    # msgspec encodes NaN and the infinities as null, so only text with a null in it needs the slow check.
    if text.find(_NULL) >= 0 and _contains_non_finite(msgspec.to_builtins(value, enc_hook=hook)):
        raise ValueError(f"{name} cannot be sent as JSON: it holds NaN or an infinite number")
    return msgspec.Raw(text)


def encode_arguments(
    arguments: list[Any] | tuple[Any, ...] | dict[Any, Any], name: str
) -> msgspec.Raw | list[Any] | dict[Any, Any]:
    """The arguments by position or by name as JSON, all at once if none needs a closer look.

    Raises like `encode`, naming the argument: `args[0]`, `kwargs['size']`.
    """
    try:
        text = _arguments.encode(arguments)
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = _NULL
    if text.find(_NULL) < 0:
        return msgspec.Raw(text)
    if isinstance(arguments, dict):
        return {key: encode(item, f"{name}[{key!r}]") for key, item in arguments.items()}
    return [encode(item, f"{name}[{index}]") for index, item in enumerate(arguments)]


def _key_without_value(value: object) -> Placeholder | None:
    """The first placeholder that is a key of a dict in `value`."""
    unchecked = [value]
    while unchecked:
        item = unchecked.pop()
        if isinstance(item, dict):
            items = cast("dict[object, object]", item)
            for key in items:
                if isinstance(key, Placeholder):
                    return key
            unchecked.extend(items.values())
        elif isinstance(item, (list, tuple)):
            unchecked.extend(cast("list[object] | tuple[object, ...]", item))
    return None


_NULL = b"null"
"""`find` looks for it in an eighth of the time of `in`."""


def is_plain(value: object) -> bool:
    """Whether every encoder of JSON takes it and none changes it. Most values are, and need no `encode`."""
    if type(value) is str:
        return value.isascii()
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) is bool


def _contains_non_finite(value: Any) -> bool:
    unchecked = [value]
    while unchecked:
        item = unchecked.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return True
        elif isinstance(item, dict):
            unchecked.extend(cast("dict[Any, Any]", item).values())
        elif isinstance(item, (list, tuple)):
            unchecked.extend(cast("list[Any] | tuple[Any, ...]", item))
    return False


_arguments = msgspec.json.Encoder(enc_hook=as_basic_type)
