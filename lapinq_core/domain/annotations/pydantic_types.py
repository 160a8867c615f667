"""Pydantic's types. Import this only where the user's code has brought Pydantic: lapinq doesn't depend on it."""

import functools
import inspect
from typing import Any

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError

__all__ = ["ValidationError", "adapter_of", "describe", "dump", "read"]

MAX_PROBLEMS = 5
_MASKED = b'"**********"'

# From 2.11 on, models with aliases can be read by the names of their fields, whatever their aliases are.
_READS_NAMES = "by_name" in inspect.signature(TypeAdapter[Any].validate_json).parameters
_READING: dict[str, Any] = {"by_alias": True, "by_name": True} if _READS_NAMES else {}


@functools.lru_cache(maxsize=1024)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def adapter_of(annotation: Any) -> TypeAdapter[Any] | None:
    """None if Pydantic can't read it: it contains a class that Pydantic doesn't know, or a name that isn't there."""
    try:
        return TypeAdapter(annotation)
    except Exception:  # noqa: BLE001  # user code: building a schema runs it
        return None


def read(adapter: TypeAdapter[Any], text: bytes) -> Any:
    """The value of a JSON text, by the rules of the types: lax, unless they are strict. Raises `ValidationError`."""
    return adapter.validate_json(text, **_READING)


def read_part(kind: type, value: object) -> Any:
    """`value`, decoded JSON, as a `kind`. Raises ValueError."""
    try:
        return read(_adapter(kind), msgspec.json.encode(value))
    except ValidationError as error:
        raise ValueError(describe(error, 1)) from error


def dump(value: object) -> Any:
    """`value`, of a type of Pydantic's, as JSON has it, so that `read` makes an equal one of it.

    Raises ValueError for secrets, which Pydantic masks.
    """
    if isinstance(value, BaseModel):
        dumped = value.model_dump(mode="json", round_trip=True, by_alias=not _READS_NAMES)
    else:
        dumped = _adapter(type(value)).dump_python(value, mode="json", round_trip=True)
    if _MASKED in msgspec.json.encode(dumped):
        raise ValueError("it holds a secret, of which Pydantic shows asterisks only")
    return dumped


def describe(error: ValidationError, most: int = MAX_PROBLEMS) -> str:
    """What doesn't fit, without the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{one['msg']}{_place(one['loc'])}" for one in problems[:most]]
    if len(problems) > most > 1:
        lines.append(f"{len(problems) - most} more")
    return "; ".join(lines)


def _place(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return f" - at `${path}`" if path else ""
