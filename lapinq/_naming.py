"""The two names by which a worker finds a function again: its module's and its own."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from lapinq.errors import TaskNotImportable

if TYPE_CHECKING:
    from collections.abc import Callable

# A process started by multiprocessing holds the script of its parent under the second name.
MAIN = ("__main__", "__mp_main__")
ADVICE = "Move it into a module of its own and import it from there."


def default_name(function: Callable[..., Any]) -> str:
    """`function`, or `Class.function` for one in a class."""
    name: str = function.__qualname__
    return function.__name__ if is_local(function) else name


def is_local(function: Callable[..., Any]) -> bool:
    """Whether it was defined inside a function, and so is no attribute of anything."""
    return "<locals>" in function.__qualname__


def importable_module(function: Callable[..., Any]) -> str:
    """The name under which a worker imports the function's module. Raises `TaskNotImportable`."""
    name: str = function.__module__
    if name in MAIN:
        from lapinq._script import importable_name

        return importable_name(_globals_of(function), function.__name__)
    if not is_dotted_name(name):
        raise TaskNotImportable(
            f"task {function.__name__!r} is in {name!r}, which no worker can import. {ADVICE}",
            task_name=function.__name__,
        )
    return name


def is_dotted_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Those of the script: some tools run it beside their own `__main__`, and a decorator has its own."""
    variables: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return variables if variables.get("__name__") in MAIN else vars(sys.modules["__main__"])
