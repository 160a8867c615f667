"""Makes targets: the function that a task names, inside the middleware of its worker and its queue.

The worker and its child processes use this. Each of them finds the function for itself.
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from lapinq_core.domain.annotations.typed_function import TypedParameters, typed_parameters
from lapinq_core.domain.tasks.context import current_task
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.middleware import Middleware, NamesLogger, aaround, around
from lapinq_core.importing import find
from lapinq_worker.running.annotated import as_annotated, hand_over
from lapinq_worker.running.job import Target


def load_target(
    module_path: str,
    task_name: str,
    allowed: Sequence[str] = (),
    middleware: Sequence[Middleware] = (),
    log: logging.Logger | None = None,
) -> Target:
    """The target of a task. `middleware` and `log` are the worker's own. Imports the function's module.

    Raises `TaskNotFound`, and anything the module raises.
    """
    function, handling = find(module_path, task_name, allowed)
    is_typed = handling is None or handling.typed
    return make_target(
        function, handling, middleware, typed_parameters(function, task_name) if is_typed else None, log
    )


def make_target(
    function: Callable[..., Any],
    handling: Handling | None = None,
    middleware: Sequence[Middleware] = (),
    parameters: TypedParameters | None = None,
    log: logging.Logger | None = None,
) -> Target:
    """A target of `function`, inside the middleware: the worker's is outside the queue's.

    The innermost middleware that names a logger replaces `log`.

    With `parameters` the function gets its arguments as annotated. The middleware sees if they don't fit.
    """
    layers = (*middleware, *(handling.middleware if handling is not None else ()))
    called = function if parameters is None else as_annotated(function, parameters)
    decode = None if parameters is None else hand_over
    if not layers:
        return Target(called, handling, decode, log)
    log = next((each.logger for each in reversed(layers) if isinstance(each, NamesLogger)), log)
    # The middleware asks for the task when it is called; the caller has set `context.running` by then.
    if inspect.iscoroutinefunction(function):
        surrounded = aaround(layers, current_task, called)
    else:
        surrounded = around(layers, current_task, _to_its_end(called))
    # Not functools.update_wrapper: attributes of the function might be taken for those of what is around it.
    surrounded.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
    return Target(surrounded, handling, decode, log)


def _to_its_end(function: Callable[..., Any]) -> Callable[..., Any]:
    # A decorator that is no coroutine function itself may wrap one that is. Without this the middleware would end
    # before the function has begun.
    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if value is not None and isinstance(value, Coroutine):
            return asyncio.run(cast("Coroutine[Any, Any, Any]", value))
        return value

    return run
