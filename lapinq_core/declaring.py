"""What a module declares: schedules by `queue.cron` and `queue.every` on tasks, named limits, policies and circuit
breakers by `queue.limit`, `queue.policy` and `queue.breaker` on queues.

This module must not import the client that declares them. It recognises the client's marks by their attributes' names.
"""

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, cast

from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.domain.limits.declared import Rule
from lapinq_core.domain.schedules.definition import check_written
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.importing import ImportFailed, TaskNotFound, prepare_imports

SCHEDULES = "__lapinq_schedules__"
"""The attribute of a task with its schedules: callables without parameters that each return a `Definition`."""
RULES = "__lapinq_rules__"
"""The attribute of a queue with the rules that are declared on it, each after the module that declares it."""
_SCHEDULER = "scheduler"

log = logging.getLogger(__name__)


class NotDeclared(LapinqError):
    """What a module declares cannot be read."""


def declared_in(modules: Sequence[str], program: str = _SCHEDULER) -> dict[str, list[Definition | Rule]]:
    """What each of these modules declares; what several declare belongs to the first of them. A rule belongs to the
    module whose code declares it on the queue, also if that is another.

    Raises `NotDeclared`, also for two of one kind and name. Its message tells where to start `program` if a module
    isn't found.
    """
    found: dict[tuple[str, str], Definition | Rule] = {}
    by_module: dict[str, list[Definition | Rule]] = {}
    for module in modules:
        by_module.setdefault(module, [])
        for owner, one in declared(module, program):
            known = found.get((one.kind, one.name))
            if known is None:
                found[one.kind, one.name] = one
                by_module.setdefault(owner, []).append(one)
            elif known != one:
                raise NotDeclared(_told_twice(module, one))
    return by_module


def declared(module_path: str, program: str = _SCHEDULER) -> list[tuple[str, Definition | Rule]]:
    """What all tasks and queues declare that are found in a module or in its classes, by kind and name, each after the
    module to which it belongs. Imports it.

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
    found: dict[tuple[str, str], tuple[str, Definition | Rule]] = {}
    for declaration in _declarations(module):
        try:
            if callable(declaration):
                owner, one = module_path, check_written(declaration(), now)
            else:
                owner, one = declaration
                if owner in ("", "__main__"):  # nothing that can be imported later
                    owner = module_path
        except Exception as error:
            raise NotDeclared(f"{what}: {_told(error)}") from error
        _, known = found.setdefault((one.kind, one.name), (owner, one))
        # Two schedules that are equal would be one, which fires once. Two rules that are equal contradict nobody.
        if known is not one and (isinstance(one, Definition) or known != one):
            raise NotDeclared(_told_twice(module_path, one))
    if not found:
        log.warning("module %s declares no schedules, limits, policies or circuit breakers", module_path)
    return [found[key] for key in sorted(found)]


def _told_twice(module: str, one: Definition | Rule) -> str:
    if isinstance(one, Definition):
        return f"schedules of module {module!r}: two are named {one.name!r}; give one a name="
    return f"module {module!r}: {one.kind} {one.name!r} is declared twice, with different rules"


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidValue | TypeError | LapinqError) else repr(error)


def _declarations(module: ModuleType) -> Iterator[Callable[[], Definition] | tuple[str, Rule]]:
    """Each once: a task or a queue may have several names."""
    seen = set[int]()
    for value in _values(module):
        for one in (*_hanging_on(value, SCHEDULES), *_hanging_on(value, RULES)):
            if id(one) not in seen:
                seen.add(id(one))
                yield one


def _values(module: ModuleType) -> Iterator[object]:
    # vars() and not dir(), so that a module-level __getattr__ isn't called for every name.
    for value in list(vars(module).values()):
        yield value
        if type(value) is type and value.__module__ == module.__name__:
            yield from (getattr(one, "__func__", one) for one in list(vars(value).values()))


def _hanging_on(value: object, mark: str) -> tuple[Any, ...]:
    try:
        found: Any = getattr(value, mark, None)
    except Exception:  # noqa: BLE001  # user code: a lazy proxy may raise for any attribute
        return ()
    return cast("tuple[Any, ...]", found) if type(found) is tuple else ()
