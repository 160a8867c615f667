"""What `LAPINQ_ALLOWED_MODULES` lets a task name: which modules, which names in them, and what a name may lead to.

A module imports others, so the attributes of an allowed one lead to all that it uses: `os.system` in `app.tasks`. What
a name leads to must therefore be defined in an allowed module itself.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TypeGuard

from lapinq_core.domain.errors import InvalidValue

_MOST_WRAPPERS = 50


def is_allowed(module_path: str, allowed: Sequence[str]) -> bool:
    """Whether `module_path` matches one of the glob patterns; no pattern allows all."""
    return not allowed or any(fnmatchcase(module_path, pattern) for pattern in allowed)


def has_private_part(task_name: str) -> bool:
    """Whether a part of the name begins with an underscore, as in `__loader__.get_data`."""
    return any(part.startswith("_") for part in task_name.split("."))


def check_allowed(allowed: Sequence[str], *, module_path: str | None, task_name: str | None) -> None:
    """All that can be said before a module is imported, of those that are given. Raises `InvalidValue`."""
    if module_path is not None and not is_allowed(module_path, allowed):
        raise InvalidValue("module_path", "is not one of the modules that this server allows")
    if allowed and task_name is not None and has_private_part(task_name):
        raise InvalidValue(
            "task_name", "must have no part that begins with _ on a server with LAPINQ_ALLOWED_MODULES"
        )


def is_module(found: object) -> TypeGuard[ModuleType]:
    """Whether it really is a module: by its type, for objects can pretend to be of any class."""
    return issubclass(type(found), ModuleType)


def is_defined_in(found: object, allowed: Sequence[str]) -> bool:
    """Whether it is a function or class that an allowed module defines.

    A function counts as what decorators were put around, too: theirs come from libraries. Partials and other instances
    that can be called are neither.
    """
    return any(
        module is not None and is_allowed(module, allowed) for module in map(_defining_module, _layers(found))
    )


def _layers(found: object) -> Iterator[object]:
    """`found`, then what it is bound to or wraps, down to the function that somebody wrote."""
    for _ in range(_MOST_WRAPPERS):
        yield found
        try:
            inner = getattr(found, "__func__" if type(found) is MethodType else "__wrapped__", None)
        except Exception:  # noqa: BLE001  # user code: a lazy proxy may raise for any attribute
            return
        if inner is None or inner is found:
            return
        found = inner


def _defining_module(found: object) -> str | None:
    """The name of the module that defines a function or class; None for anything else.

    Not the `__module__` of a function, which `functools.wraps` copies from what it wraps.
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
