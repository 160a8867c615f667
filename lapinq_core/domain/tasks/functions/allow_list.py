"""What `LAPINQ_ALLOWED_MODULES` lets a task name: modules, names in them, and the objects they refer to.

The attributes of an allowed module lead to everything it imports, such as `os.system` in `app.tasks`. So the object
that a name refers to must itself be defined in an allowed module.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TypeGuard

from lapinq_core.domain.errors import InvalidValue

_MAX_WRAPPERS = 50


def is_allowed(module_path: str, allowed: Sequence[str]) -> bool:
    """Whether `module_path` matches one of the glob patterns; without patterns, everything is allowed."""
    return not allowed or any(fnmatchcase(module_path, pattern) for pattern in allowed)


def has_private_part(task_name: str) -> bool:
    """Whether a part of the name starts with an underscore, as in `__loader__.get_data`."""
    return any(part.startswith("_") for part in task_name.split("."))


def check_allowed(allowed: Sequence[str], *, module_path: str | None, task_name: str | None) -> None:
    """All checks that need no import, of the values that are given. Raises `InvalidValue`."""
    if module_path is not None and not is_allowed(module_path, allowed):
        raise InvalidValue("module_path", "is not one of the modules that this server allows")
    if allowed and task_name is not None and has_private_part(task_name):
        raise InvalidValue(
            "task_name", "must have no part that begins with _ on a server with LAPINQ_ALLOWED_MODULES"
        )


def is_module(found: object) -> TypeGuard[ModuleType]:
    """Whether it is a module, by its type: an object can claim any class."""
    return issubclass(type(found), ModuleType)


def is_defined_in(found: object, allowed: Sequence[str]) -> bool:
    """Whether it is a function or class that an allowed module defines.

    A decorated function counts as the function inside: decorators come from libraries. Partials and other callable
    instances do not count.
    """
    return any(
        module is not None and is_allowed(module, allowed) for module in map(_defining_module, _layers(found))
    )


def _layers(found: object) -> Iterator[object]:
    """`found`, then what it is bound to or wraps, down to the innermost function."""
    for _ in range(_MAX_WRAPPERS):
        yield found
        try:
            inner = getattr(found, "__func__" if type(found) is MethodType else "__wrapped__", None)
        except Exception:  # noqa: BLE001  # user code: a lazy proxy may raise for any attribute
            return
        if inner is None or inner is found:
            return
        found = inner


def _defining_module(found: object) -> str | None:
    """The module that defines a function or class; None for anything else.

    Not a function's `__module__`, which `functools.wraps` copies from the wrapped function.
    """
    name: object = None
    if type(found) is FunctionType:
        name = found.__globals__.get("__name__")
    elif type(found) is BuiltinFunctionType and is_module(found.__self__):
        # A module may have a part in C, as `operator` has `_operator`.
        name = found.__self__.__name__.removeprefix("_")
    elif issubclass(type(found), type):
        name = found.__module__
    return name if isinstance(name, str) else None
