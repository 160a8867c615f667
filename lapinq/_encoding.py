"""Python values as JSON, refusing what JSON would lose and naming the value that is to blame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


def encode(value: Any, name: str) -> msgspec.Raw:
    """JSON text of `value`.

    Raises TypeError for a value without a JSON form and ValueError for one that JSON cannot hold (NaN, a lone
    surrogate, a list inside itself); both begin with `name`. Text that is JSON already passes through.
    """
    if isinstance(value, msgspec.Raw):
        return value
    try:
        text = msgspec.json.encode(value, enc_hook=_plain)
    except TypeError as error:
        raise TypeError(f"{name} cannot be sent as JSON: {error}") from error
    except RecursionError as error:
        raise ValueError(
            f"{name} cannot be sent as JSON: it contains itself or is nested too deeply"
        ) from error
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be sent as JSON: {error}") from error
    # NaN and the infinities are written as null, so only a text with a null in it needs the slow look.
    if b"null" in text and _holds_non_finite(msgspec.to_builtins(value, enc_hook=_plain)):
        raise ValueError(f"{name} cannot be sent as JSON: it holds NaN or an infinite number")
    return msgspec.Raw(text)


def encode_entry(entry: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of an enqueue request, ready to be written. Fields that are None are left out.

    Errors name a value by its place after `prefix`: `args[0]`, `kwargs['size']`, `metadata`.
    """
    return {
        field: _encode_field(field, value, prefix + field)
        for field, value in entry.items()
        if value is not None
    }


def _encode_field(field: str, value: Any, name: str) -> Any:
    if field == "args" and isinstance(value, (list, tuple)):
        positional = cast("list[Any] | tuple[Any, ...]", value)
        return [encode(item, f"{name}[{index}]") for index, item in enumerate(positional)]
    if field == "kwargs" and isinstance(value, dict):
        return {key: encode(item, f"{name}[{key!r}]") for key, item in cast("dict[Any, Any]", value).items()}
    return encode(value, name)


def _plain(value: Any) -> Any:
    """What msgspec leaves to us: subclasses of the basic types, which travel as those."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"{object.__repr__(value)} has no JSON form")


def _holds_non_finite(value: Any) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return True
        elif isinstance(item, dict):
            waiting.extend(cast("dict[Any, Any]", item).values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(cast("list[Any] | tuple[Any, ...]", item))
    return False
