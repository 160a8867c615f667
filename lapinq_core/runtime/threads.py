"""Which thread may call a method.

An object belongs to the event loop that made it, and only the thread of that loop may use it. Exceptions are marked:
`tests/project/code/test_threads.py` checks that such a method uses no other of its object.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def any_thread(method: Callable[P, R]) -> Callable[P, R]:
    """Marks a method that any thread may call, even while the event loop is blocked."""
    return method
