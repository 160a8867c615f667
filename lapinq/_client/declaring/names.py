"""Names of tasks and modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
