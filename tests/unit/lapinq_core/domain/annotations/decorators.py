"""Decorators in a module that has none of the names in the annotations."""

import functools
from collections.abc import Callable
from typing import Any


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Takes anything."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function("session", *args, **kwargs)

    return wrapper


def replacing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Takes an argument of the same name, whose annotation `wraps` copies."""

    @functools.wraps(function)
    def wrapper(key: object) -> Any:
        return function(key)

    return wrapper
