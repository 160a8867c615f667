"""A TOML or JSON file of schedules: a list `schedules`, each with the fields of a definition and `enabled`."""

import json
import tomllib
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.definition import Problem, WrongSchedules, read_written
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.tasks.task import check_name

MODULE = "module:"
"""The prefix of sources that are modules, not files."""


class Entry(msgspec.Struct, frozen=True):
    """A schedule in a file. `enabled` is whether it fires; None if the file does not say."""

    definition: Definition
    enabled: bool | None


class ScheduleFile(msgspec.Struct, frozen=True):
    """The content of a file. `source` is its declared name; None if it declares none."""

    source: str | None
    entries: list[Entry]


def read_file(text: str, form: Literal["toml", "json"], now: datetime) -> ScheduleFile:
    """Raises `WrongSchedules` with every error."""
    whole = _parsed(text, form)
    problems = [
        Problem("", field, "is unknown; allowed are schedules and source")
        for field in whole
        if field not in ("source", "schedules")
    ]
    source = whole.get("source")
    try:
        _check_source(source)
    except InvalidValue as error:
        problems.append(Problem("", error.loc, error.msg))
    tables: Any = whole.get("schedules")
    if not isinstance(tables, list):
        problems.append(Problem("", "schedules", "must be a list of schedules"))
        raise WrongSchedules(problems)
    entries: list[Entry] = []
    names = set[str]()
    for number, table in enumerate(cast("list[Any]", tables), 1):
        entry, wrong = _entry(table, now, f"schedule {number}")
        problems += wrong
        name: Any = cast("dict[str, Any]", table).get("name") if isinstance(table, dict) else None
        if isinstance(name, str):
            if name in names:
                problems.append(Problem(name, "name", "is used by two schedules of the file"))
            names.add(name)
        if entry is not None:
            entries.append(entry)
    if problems:
        raise WrongSchedules(problems)
    return ScheduleFile(source, entries)


def _parsed(text: str, form: Literal["toml", "json"]) -> dict[str, Any]:
    try:
        whole: Any = tomllib.loads(text) if form == "toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongSchedules([Problem("", "", f"invalid {form.upper()}: {error}")]) from None
    if not isinstance(whole, dict):
        raise WrongSchedules([Problem("", "", "it must be an object with a list of schedules")])
    return cast("dict[str, Any]", whole)


def _check_source(source: object) -> None:
    if source is None:
        return
    if not isinstance(source, str):
        raise InvalidValue("source", "must be a string")
    check_name("source", source)
    if source.startswith(MODULE):
        raise InvalidValue("source", f"must not start with {MODULE}, which is reserved for modules")


def _entry(table: Any, now: datetime, place: str) -> tuple[Entry | None, list[Problem]]:
    if not isinstance(table, dict):
        return None, [Problem(place, "", "must be a table")]
    values = dict(cast("dict[str, Any]", table))
    enabled = values.pop("enabled", None)
    definition, problems = read_written(values, now, place)
    if enabled is not None and not isinstance(enabled, bool):
        name: Any = values.get("name")
        label = name if isinstance(name, str) and name else place
        problems.append(Problem(label, "enabled", "must be true or false"))
    if definition is None or problems:
        return None, problems
    return Entry(definition, enabled), []
