"""The schedules that the tasks of a module declare with `queue.cron` and `queue.every`.

This module must not import the client that declares them. It recognises the client's mark on a task by an attribute's
name.
"""

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, cast

from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.domain.schedules.definition import check_written
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.importing import ImportFailed, TaskNotFound, prepare_imports

SCHEDULES = "__lapinq_schedules__"
"""The attribute of a task with its schedules: callables without parameters that each return a `Definition`."""
_SCHEDULER = "scheduler"

log = logging.getLogger(__name__)


class NotDeclared(LapinqError):
    """The schedules of a module cannot be read."""


def declared_in(modules: Sequence[str], program: str = _SCHEDULER) -> dict[str, list[Definition]]:
    """The schedules that each of these modules declares; one declared in several belongs to the first of them.

    Raises `NotDeclared`, also for two schedules with the same name. Its message tells where to start `program` if a
    module isn't found.
    """
    found: dict[str, Definition] = {}
    by_module: dict[str, list[Definition]] = {}
    for module in modules:
        by_module[module] = []
        for definition in declared(module, program):
            known = found.setdefault(definition.name, definition)
            if known is definition:
                by_module[module].append(definition)
            elif known != definition:
                raise NotDeclared(
                    f"schedules of module {module!r}: two are named {definition.name!r}; give one a name="
                )
    return by_module


def declared(module_path: str, program: str = _SCHEDULER) -> list[Definition]:
    """The schedules of all tasks found in a module or in its classes, by their names. Imports it.

    Raises `NotDeclared` with what is wrong with the module or a schedule.
    """
    what = f"schedules of module {module_path!r}"
    try:
        prepare_imports([module_path], program)
        module = importlib.import_module(module_path)
    except (TaskNotFound, ImportFailed) as error:
        raise NotDeclared(f"{what}: {error}") from error
    except Exception as error:
        raise NotDeclared(f"{what}: the import failed with {type(error).__name__}: {error}") from error
    now = datetime.now(UTC)
    found: dict[str, Definition] = {}
    for declare in _declarations(module):
        try:
            definition = check_written(declare(), now)
        except Exception as error:
            raise NotDeclared(f"{what}: {_told(error)}") from error
        if found.setdefault(definition.name, definition) is not definition:
            raise NotDeclared(f"{what}: two are named {definition.name!r}; give one a name=")
    if not found:
        log.warning("module %s declares no schedules", module_path)
    return [found[name] for name in sorted(found)]


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidValue | TypeError | LapinqError) else repr(error)


def _declarations(module: ModuleType) -> Iterator[Callable[[], Definition]]:
    """Each once: a task may have several names."""
    seen = set[int]()
    for value in _values(module):
        for declare in _hanging_on(value):
            if id(declare) not in seen:
                seen.add(id(declare))
                yield declare


def _values(module: ModuleType) -> Iterator[object]:
    # vars() and not dir(), so that a module-level __getattr__ isn't called for every name.
    for value in list(vars(module).values()):
        yield value
        if type(value) is type and value.__module__ == module.__name__:
            yield from (getattr(one, "__func__", one) for one in list(vars(value).values()))


def _hanging_on(value: object) -> tuple[Callable[[], Definition], ...]:
    try:
        found: Any = getattr(value, SCHEDULES, None)
    except Exception:  # noqa: BLE001  # user code: a lazy proxy may raise for any attribute
        return ()
    return cast("tuple[Callable[[], Definition], ...]", found) if type(found) is tuple else ()
