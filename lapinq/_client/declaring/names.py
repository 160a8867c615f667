"""Names of tasks and modules."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN = ("__main__", "__mp_main__")
"""Modules that hold the script. The second is its name in a process that multiprocessing spawned."""
ADVICE = "Move it to another module and import it from there."


def default_name(function: Callable[..., Any]) -> str:
    """`function`, or `Class.function` for one in a class."""
    name: str = function.__qualname__
    return function.__name__ if is_local(function) else name


def is_local(function: Callable[..., Any]) -> bool:
    """Whether it is defined inside a function, so that no attribute leads to it."""
    return "<locals>" in function.__qualname__


def is_dotted_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


class _Place(NamedTuple):
    """Where a function is written. It stays the same when its decorator runs again."""

    qualname: str
    file: str
    line: int


_taken: dict[str, tuple[object, dict[str, _Place]]] = {}
"""By module: its spec, and where the function of each task is written."""


def take_name(function: Callable[..., Any], task_name: str) -> None:
    """Raises ValueError if another function of its module is a task of the same name: a worker would run that one.

    A module that is imported again has another spec, and its names are free again. Without a spec, as in a notebook or
    `__main__`, functions may be defined again. Those inside other functions are left to the check of each call, which
    wants a variable of the module to hold the task.
    """
    module: str = function.__module__
    spec = getattr(sys.modules.get(module), "__spec__", None)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if spec is None or code is None or module in MAIN or is_local(function):
        return
    taken_in, places = _taken.get(module, (None, {}))
    if taken_in is not spec:
        places = {}
        _taken[module] = (spec, places)
    place = _Place(function.__qualname__, code.co_filename, code.co_firstlineno)
    first = places.setdefault(task_name, place)
    if first != place:
        raise ValueError(
            f"module {module!r} has two tasks with the name {task_name!r}: {first.qualname} (line {first.line}) and"
            f" {place.qualname} (line {place.line}). A worker would run one function for both:"
            ' rename one, or give it another name with @queue.task(name="…")'
        )
