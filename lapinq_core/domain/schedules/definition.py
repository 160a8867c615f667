"""Definitions from a file or from code, read with all their errors at once.

Unlike definitions in a request, they stay valid after their end has passed.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_type_hints

import msgspec

from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.domain.interval import interval_text, read_interval
from lapinq_core.domain.schedules.schedule import Definition, check_definition


class Problem(msgspec.Struct, frozen=True):
    """An error in a field of a schedule, which is identified by its name or position."""

    schedule: str
    field: str
    msg: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.schedule, self.field, self.msg) if part)


class WrongSchedules(LapinqError):
    """The schedules are invalid; `problems` lists every error."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[type["WrongSchedules"], tuple[list[Problem]]]:
        return type(self), (self.problems,)


def has_ended(definition: Definition, now: datetime) -> bool:
    """Whether its end has passed."""
    ends_at = definition.ends_at
    return ends_at is not None and _aware(ends_at) < now


def check_written(definition: Definition, now: datetime) -> Definition:
    """`definition` in its stored form: times in UTC, the interval in normal form.

    As `check_definition`, except for an end that has passed. Raises `InvalidValue`.
    """
    if has_ended(definition, now):
        assert definition.ends_at is not None
        endless = check_definition(msgspec.structs.replace(definition, ends_at=None), now)
        checked = msgspec.structs.replace(endless, ends_at=_aware(definition.ends_at))
    else:
        checked = check_definition(definition, now)
    if checked.every is None:
        return checked
    return msgspec.structs.replace(checked, every=interval_text(read_interval(checked.every)))


def read_written(
    values: Mapping[str, Any], now: datetime, place: str
) -> tuple[Definition | None, list[Problem]]:
    """The definition with these fields, None if any is wrong, and the errors.

    `place` identifies it if it has no name.
    """
    name = values.get("name")
    label = name if isinstance(name, str) and name else place
    fields, problems = _typed(values)
    while True:
        try:
            checked = check_written(Definition(**fields), now)
        except InvalidValue as error:
            if (error.loc, error.msg) in problems:
                break
            problems.append((error.loc, error.msg))
            # The others are looked at as well, with something harmless in place of this one.
            field = re.split(r"[.\[]", error.loc, maxsplit=1)[0]
            if field in _HARMLESS:
                fields[field] = _HARMLESS[field]
            else:
                fields.pop(field, None)
        else:
            if not problems:
                return checked, []
            break
    return None, [Problem(label, loc, msg) for loc, msg in problems]


_HINTS = {field: hint for field, hint in get_type_hints(Definition).items() if field != "kind"}
_REQUIRED = ("name", "task_name", "module_path")
_HARMLESS: dict[str, Any] = {
    "name": "x",
    "task_name": "x",
    "module_path": "x",
    "cron": "@daily",
    "every": "1d",
    "timezone": "UTC",
}
_PAYLOADS = ("args", "kwargs", "metadata")


def _typed(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Fields with the right types, enough to make a definition, and the errors in the others."""
    fields: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    for field, value in values.items():
        try:
            if field not in _HINTS:
                raise InvalidValue(field, "is not a field of a schedule")
            fields[field] = msgspec.convert(_plain(field, value), _HINTS[field])
        except msgspec.ValidationError as error:
            text = str(error).replace(" | null", "")
            problems.append((field, text[0].lower() + text[1:]))
        except InvalidValue as error:
            problems.append((error.loc, error.msg))
        if field in _HARMLESS and field not in fields:
            fields[field] = _HARMLESS[field]
    for field in _REQUIRED:
        if field not in values:
            problems.append((field, "must be given"))
            fields[field] = _HARMLESS[field]
    return fields, problems


def _plain(field: str, value: Any) -> Any:
    """A payload as JSON; TOML's times become text."""
    if field not in _PAYLOADS:
        return value
    try:
        msgspec.json.encode(plain := msgspec.to_builtins(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise InvalidValue(field, "cannot be represented as JSON") from None
    return plain


def _aware(moment: datetime) -> datetime:
    try:
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except OverflowError:
        raise InvalidValue("ends_at", "must be a time that can be converted to UTC") from None
