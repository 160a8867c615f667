"""What msgspec can't encode by itself but can be sent: values of Pydantic's types."""

from typing import Any

from lapinq_core.domain.annotations.kinds import is_pydantic


def as_json_value(value: object) -> Any:
    """The hook of msgspec's encoders. Raises TypeError for a value without a JSON form."""
    if is_pydantic(type(value)):
        from lapinq_core.domain.annotations import pydantic_types

        return pydantic_types.dump(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")
