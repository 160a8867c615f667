"""Which functions can be tasks, as far as the decorator sees it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from lapinq._client.declaring.names import is_local
from lapinq.errors import TaskNotImportable

if TYPE_CHECKING:
    from collections.abc import Callable

_BOUND = ("self", "cls")


def check_function(function: Callable[..., Any], name: str | None) -> None:
    """Raises TypeError for a generator and a method without its object, and `TaskNotImportable` for a function without
    a place in its module. With a `name`, a variable of the module may hold that, so it is checked when it is enqueued.
    """
    qualname: str = function.__qualname__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{qualname} is a generator, and a task has one result: return a list, or enqueue a task for each item"
        )
    if is_local(function) or function.__name__ == "<lambda>":
        if name is None:
            raise TaskNotImportable(_unfindable(function), task_name=function.__name__)
    elif "." in qualname and not inspect.ismethod(function) and _first_parameter(function) in _BOUND:
        raise TypeError(
            f"{qualname} is a method, and a worker has no object to call it on: make it a function of the module, or a"
            " @staticmethod, and pass what it needs as arguments"
        )


def _unfindable(function: Callable[..., Any]) -> str:
    if function.__name__ == "<lambda>":
        return (
            "a lambda has no name by which a worker finds it. Use def, or keep the task in a variable of the module and"
            ' give it a name: queue.task("double")(lambda n: 2 * n)'
        )
    outer = function.__qualname__.rpartition(".<locals>")[0]
    return (
        f"task {function.__name__!r} is defined inside {outer}(), where no worker can find it. Move it to the top level"
        " of its module, or, if a decorator made it, use functools.wraps there. If variables of the module hold such"
        ' tasks, name them: @queue.task("…")'
    )


def _first_parameter(function: Callable[..., Any]) -> str | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_varnames[0] if code is not None and code.co_argcount else None
