"""Around a function with annotations that act: it takes the JSON text of its arguments, and reads it as annotated.

So arguments are read where the function runs: inside its middleware, its time limit and its child process.
"""

import inspect
from collections.abc import Callable
from typing import Any

from lapinq_core.domain.annotations.typed_function import TypedParameters
from lapinq_core.domain.errors import TypeMismatch
from lapinq_worker.running.job import Text


class ArgumentsMismatch(TypeMismatch):
    """The task's arguments do not fit the annotations of its function, now or at a retry."""


def hand_over(args: Text, kwargs: Text) -> tuple[tuple[Text, Text], dict[str, Any]]:
    """Calls a function of `as_annotated` with the texts: its target decodes nothing."""
    return (args, kwargs), {}


def as_annotated(function: Callable[..., Any], parameters: TypedParameters) -> Callable[..., Any]:
    """Takes the texts of positional and keyword arguments. Raises `ArgumentsMismatch`."""

    def read(args: Text, kwargs: Text) -> tuple[list[Any], dict[str, Any]]:
        try:
            return parameters.read(args, kwargs)
        except TypeMismatch as error:
            raise ArgumentsMismatch(
                str(error), task_name=error.task_name, argument=error.argument
            ) from error.__cause__

    if inspect.iscoroutinefunction(function):

        async def arun(args: Text = b"[]", kwargs: Text = b"{}") -> Any:
            positional, named = read(args, kwargs)
            return await function(*positional, **named)

        arun.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
        return arun

    def run(args: Text = b"[]", kwargs: Text = b"{}") -> Any:
        positional, named = read(args, kwargs)
        return function(*positional, **named)

    run.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
    return run
