"""The fields of records: dataclasses, msgspec structs, typed dicts, named tuples, attrs classes."""

import dataclasses
import typing
from typing import Any, NamedTuple

import msgspec

from lapinq_core.domain.annotations.kinds import is_record


class Field(NamedTuple):
    """`encoded` is its name in JSON."""

    name: str
    encoded: str
    hint: Any
    is_required: bool


def fields_of(found: Any) -> list[Field]:
    """Its fields with their annotations. Raises if they don't resolve, and for other kinds of records."""
    if issubclass(found, msgspec.Struct):
        config = found.__struct_config__
        if config.tag is not None or config.array_like:
            raise TypeError(f"{found!r} can't be read")
        return [
            Field(one.name, one.encode_name, one.type, one.required) for one in msgspec.structs.fields(found)
        ]
    hints = typing.get_type_hints(found, include_extras=True)
    if dataclasses.is_dataclass(found):
        if any(isinstance(hint, dataclasses.InitVar) for hint in hints.values()):
            raise TypeError("dataclasses with InitVar fields can't be sent as JSON")
        return [
            Field(one.name, one.name, hints[one.name], _has_no_default(one))
            for one in dataclasses.fields(found)
            if one.init
        ]
    if hasattr(found, "__required_keys__"):
        required: frozenset[str] = found.__required_keys__
        return [Field(name, name, _without_qualifier(hint), name in required) for name, hint in hints.items()]
    if hasattr(found, "_field_defaults"):
        optional = found._field_defaults
        return [Field(name, name, hints.get(name, Any), name not in optional) for name in found._fields]
    raise TypeError(f"{found!r} can't be read")


def names_in_json(annotation: Any) -> frozenset[str]:
    """The fields of a record, as msgspec reads them from an object. Empty for any other type."""
    if not is_record(typing.get_origin(annotation) or annotation):
        return frozenset()
    info: Any = msgspec.inspect.type_info(annotation)
    if getattr(info, "array_like", False) or not hasattr(info, "fields"):
        return frozenset()
    tag: str | None = getattr(info, "tag_field", None)
    names = frozenset(getattr(one, "encode_name", "") for one in info.fields)
    return names if tag is None else names | {tag}


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _without_qualifier(hint: Any) -> Any:
    qualified = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
    return typing.get_args(hint)[0] if qualified else hint
