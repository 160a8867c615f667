"""Finds the function for `module_path` and `task_name` as a worker does, and a middleware by its name.

It imports the module, then takes the function that the decorator registered there under the name, else the attribute
of that name, which may lead through a class ("Mailer.send").
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, cast

from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.tasks.functions.allow_list import (
    has_private_part,
    is_allowed,
    is_defined_in,
    is_module,
)
from lapinq_core.domain.tasks.functions.handling import HANDLING, Handling
from lapinq_core.domain.tasks.functions.import_in_progress import here
from lapinq_core.domain.tasks.functions.registered import DEFAULTS, Registered
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.retry import planned_delays
from lapinq_core.runtime.users_traceback import LAPINQ, users_traceback

MARK = "__lapinq_task__"
"""The attribute in which the decorator stores the name under which it registered an object."""
_WORKER = "worker"


class TaskNotFound(LapinqError):
    """The function of a task cannot be found."""


class TaskNotAllowed(TaskNotFound):
    """`LAPINQ_ALLOWED_MODULES` does not let a task call this."""

    def __init__(self, what: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{what} LAPINQ_ALLOWED_MODULES ({', '.join(allowed)})")


class ImportFailed(LapinqError):
    """A module cannot be imported."""


class MiddlewareNotUsable(LapinqError):
    """A middleware of the worker cannot be loaded."""


class Found(NamedTuple):
    """The function to call, and the options that its decorator sets for running it, if any."""

    function: Callable[..., Any]
    handling: Handling | None


FunctionOf = Callable[[object], Callable[..., Any] | None]

_recognized: list[FunctionOf] = []


def recognize(function_of: FunctionOf) -> None:
    """Lets `find` take objects of another framework for tasks.

    `function_of` returns the function to call for such an object, which it wraps by `functools.wraps`, and None for any
    other.
    """
    if function_of not in _recognized:
        _recognized.append(function_of)


def resolve(module_path: str, task_name: str, allowed: Sequence[str] = ()) -> Callable[..., Any]:
    """Like `find`, but returns only the function."""
    return find(module_path, task_name, allowed).function


def find(module_path: str, task_name: str, allowed: Sequence[str] = ()) -> Found:
    """The target of a task. Imports its module, which runs the user's code and may take long.

    Raises `TaskNotFound` with what was searched and what is there, and `TaskNotAllowed` for a target that the patterns
    `allowed` exclude. Exceptions that the module raises during its import pass through.
    """
    if not is_allowed(module_path, allowed):
        raise TaskNotAllowed(f"module {module_path!r} is not allowed by", allowed)
    if allowed and has_private_part(task_name):
        raise TaskNotAllowed(f"a part of {task_name!r} begins with _, which is not allowed with", allowed)
    if module_path == "__main__":
        raise TaskNotFound(
            "the task was enqueued from a script run as __main__, which no worker can import;"
            " move the function into a module, or enqueue with lapinq 2, which finds the script's own name"
        )
    module = _import(module_path)
    found = _registered(module).get(task_name) or _attribute(module, task_name, allowed)
    if found is None:
        raise TaskNotFound(_missing(module, task_name))
    found = _function_of(found)
    if allowed and _mark(found) is None and not is_defined_in(found, allowed):
        raise TaskNotAllowed(
            f"{task_name!r} in module {module_path!r} is neither a task nor a function or class defined in a module of",
            allowed,
        )
    if not callable(found):
        raise TaskNotFound(
            f"{task_name!r} in module {module_path!r} is not a function but {type(found).__name__}"
        )
    return Found(_unwrapped(found), _handling(found))


def task_names(module_path: str) -> list[str]:
    """The names of the tasks registered in a module, sorted. Imports it, as `find` does."""
    return sorted(_registered(_import(module_path)))


def registered_tasks(module_path: str) -> list[Registered]:
    """The tasks registered in a module, each with the module that defines it. Imports it, as `find` does."""
    return [_describe(name, found, module_path) for name, found in _registered(_import(module_path)).items()]


def load_middleware(names: Sequence[str]) -> tuple[Middleware, ...]:
    """The middleware that each `module:name` refers to: an instance, or a class or function that returns one when
    called without arguments. Imports the modules. Raises `MiddlewareNotUsable`."""
    return tuple(_load_middleware(name) for name in names)


def prepare_imports(modules: Sequence[str], program: str = _WORKER) -> None:
    """Prepares a program: makes the working directory importable, and imports `modules`.

    A console script starts with its own directory on the path, but people run it where their modules are. Raises
    `TaskNotFound` for a module that doesn't exist, which tells where to start `program`, and `ImportFailed` with the
    user's traceback for one that raises.
    """
    here = os.getcwd()  # noqa: PTH109  # the entry as Python writes it
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)
    for module in modules:
        try:
            _import(module, program)
        except (TaskNotFound, KeyboardInterrupt):
            raise
        except SystemExit as error:
            raise ImportFailed(
                f"module {module!r} ends the program when it is imported: {error!r}"
            ) from error
        except BaseException as error:
            told = users_traceback(error, below=LAPINQ).rstrip()
            raise ImportFailed(f"importing module {module!r} failed\n{told}") from error


def _load_middleware(name: str) -> Middleware:
    place = f"middleware {name!r} (--middleware or LAPINQ_WORKER_MIDDLEWARE)"
    module_path, colon, attribute = name.partition(":")
    if not (module_path and colon and attribute):
        raise MiddlewareNotUsable(f"{place} must have the form module:name, such as app.tracing:Tracing")
    try:
        found = _attribute(_import(module_path), attribute)
        if found is None:
            raise MiddlewareNotUsable(f"{place}: module {module_path!r} has no {attribute!r}")
        made = found if isinstance(found, Middleware) else found()
    except TaskNotFound as error:
        raise MiddlewareNotUsable(f"{place}: {error}") from error
    except MiddlewareNotUsable:
        raise
    except Exception as error:
        raise MiddlewareNotUsable(f"{place} cannot be created: {type(error).__name__}: {error}") from error
    if not isinstance(made, Middleware):
        raise MiddlewareNotUsable(
            f"{place} must be a lapinq.Middleware, or a class or function that returns one without"
            f" arguments, not {type(made).__name__}"
        )
    return made


def _import(module_path: str, program: str = _WORKER) -> ModuleType:
    outer, here.module = here.module, module_path
    try:
        return importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        # Only if the module itself is missing. A missing import inside it is the user's error and passes through.
        if error.name is None or not (module_path == error.name or module_path.startswith(f"{error.name}.")):
            raise
        raise TaskNotFound(
            f"no module {error.name!r}{_similar_module(error.name)}"
            f"; searched: {', '.join(path or '.' for path in sys.path)}."
            f" Start the {program} where the module can be imported, or install it there"
        ) from error
    finally:
        here.module = outer


def _similar_module(missing: str) -> str:
    """What follows the missing module in a message: one beside it whose name is like it, if there is one."""
    package, _, name = missing.rpartition(".")
    if name == "py":
        return f" (did you mean {package!r}?)"
    parent = sys.modules.get(package)
    places = getattr(parent, "__path__", []) if package else [""]
    beside = [module.name for module in pkgutil.iter_modules(places)]
    return did_you_mean(missing, [f"{package}.{each}" if package else each for each in beside])


def _function_of(found: Any) -> Any:
    for function_of in _recognized:
        if (function := function_of(found)) is not None:
            return function
    return found


def _registered(module: ModuleType) -> dict[str, Any]:
    # vars() and not dir(), so that a module-level __getattr__ isn't called for every name. Names defined in the module
    # itself come last and win over imported ones.
    values = sorted(vars(module).values(), key=lambda value: _module_of(value) == module.__name__)
    return {name: value for value in values if (name := _mark(value)) is not None}


def _mark(value: object) -> str | None:
    try:
        mark = getattr(value, MARK, None)
    except Exception:  # noqa: BLE001  # user code: a lazy proxy may raise for any attribute
        return None
    return mark if isinstance(mark, str) else None


def _handling(found: object) -> Handling | None:
    try:
        handling = getattr(found, HANDLING, None)
    except Exception:  # noqa: BLE001  # user code: as above
        return None
    return handling if type(handling) is Handling else None


def _describe(name: str, found: object, module_path: str) -> Registered:
    defined_in = _module_of(found)
    try:
        stated = getattr(found, DEFAULTS, None)
    except Exception:  # noqa: BLE001  # user code: as above
        stated = None
    options: dict[str, Any] = dict(cast("dict[str, Any]", stated)) if type(stated) is dict else {}
    queue, handling = options.pop("queue_name", None), _handling(found)
    return Registered(
        task_name=name,
        module_path=defined_in if isinstance(defined_in, str) else module_path,
        queue_name=queue if isinstance(queue, str) else None,
        options={
            option: value for option, value in options.items() if isinstance(value, str | int | float | bool)
        },
        parameters=form_fields(_unwrapped(found)),
        version=handling.version if handling else None,
        retry_delays=planned_delays(handling.retry) if handling and handling.retry else [],
    )


def _unwrapped(found: Any) -> Any:
    """What our own wrapper, which only saves a call, stands for.

    Any other object with the mark is the user's decorator around it, to which functools.wraps copied the mark, or a
    proxy of one: that is kept.
    """
    return cast("Any", vars(found)["__wrapped__"] if _is_ours(found) else found)


def _is_ours(found: object) -> bool:
    # By name, because this module must not import the client. With type(), because a proxy can pretend to be of any
    # class.
    return f"{type(found).__module__}.{type(found).__qualname__}" == "lapinq.task.Task"


def _module_of(value: object) -> object:
    return getattr(value, "__module__", None) if _mark(value) else None


def _attribute(module: ModuleType, task_name: str, allowed: Sequence[str] = ()) -> Any:
    found: Any = module
    for number, part in enumerate(task_name.split("."), 1):
        found = getattr(found, part, None)
        if found is None:
            return None
        if allowed and is_module(found) and (number > 1 or not is_allowed(found.__name__, allowed)):
            raise TaskNotAllowed(
                f"{task_name!r} leads through the module {found.__name__!r}, which is not allowed by", allowed
            )
    return found


def _missing(module: ModuleType, task_name: str) -> str:
    names = sorted(_registered(module))
    functions = [name for name, value in list(vars(module).items()) if callable(value)]
    similar = did_you_mean(task_name, names or functions)
    file = getattr(module, "__file__", None)
    return (
        f"module {module.__name__!r} has no task or function {task_name!r}{similar};"
        f" registered there: {', '.join(names) or 'none'}"
        + (f". It was imported from {file}" if isinstance(file, str) else "")
        + ". A worker that runs older code than the client must be restarted with the new one;"
        " a task that was renamed can keep its old name with @queue.task(name=...)"
    )
