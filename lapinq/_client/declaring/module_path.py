"""The module from which a worker imports a function, or the reason why it couldn't."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from lapinq._client.declaring.names import ADVICE, MAIN, is_dotted_name, is_local
from lapinq.errors import TaskNotImportable

if TYPE_CHECKING:
    from collections.abc import Callable


def module_path_of(function: Callable[..., Any], task_name: str, task_type: type[Any]) -> str:
    """The module's name for a worker. Raises `TaskNotImportable`, also for a function that it wouldn't find there.

    A worker looks for a module variable that holds a `task_type` named `task_name`, then for an attribute of that name.
    """
    _check_findable(function, task_name, task_type)
    name: str = function.__module__
    if name in MAIN:
        from lapinq._client.declaring.script import importable_name

        return importable_name(_script_globals(function), task_name)
    if not is_dotted_name(name):
        raise TaskNotImportable(
            f"task {task_name!r} is in {name!r}, which no worker can import. {ADVICE}", task_name=task_name
        )
    return name


def _check_findable(function: Callable[..., Any], task_name: str, task_type: type[Any]) -> None:
    qualname: str = function.__qualname__
    is_attribute = qualname == task_name and not is_local(function)
    if "." not in qualname or is_attribute or _is_module_variable(function, task_name, task_type):
        return
    if is_local(function):
        raise TaskNotImportable(
            f"task {task_name!r} is defined inside {qualname.partition('.<locals>')[0]}(), where no worker can find"
            " it. Move it to the top level of its module.",
            task_name=task_name,
        )
    raise TaskNotImportable(
        f"task {task_name!r} is {qualname!r} in its module, where no worker finds it under another name. Leave out"
        " name=, or move it to the top level of its module.",
        task_name=task_name,
    )


def _is_module_variable(function: Callable[..., Any], task_name: str, task_type: type[Any]) -> bool:
    module = sys.modules.get(function.__module__)
    variables: list[Any] = list(vars(module).values()) if module is not None else []
    return any(
        value.task_name == task_name and value.__wrapped__ is function
        for value in variables
        if type(value) is task_type  # not isinstance, which runs code of lazy proxies
    )


def _script_globals(function: Callable[..., Any]) -> dict[str, Any]:
    """The script's variables. Some tools run it beside their own `__main__`, and a decorator has its own globals."""
    variables: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return variables if variables.get("__name__") in MAIN else vars(sys.modules["__main__"])
