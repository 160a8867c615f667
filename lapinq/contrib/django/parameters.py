"""The parameters of a task: those of its function without the context, and the JSON values for them."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.entries.arguments import Arguments
from lapinq_core.domain.annotations.typed_function import typed_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lapinq.contrib.django.tasks_framework import Task


def signature_of(task: Task[..., Any]) -> inspect.Signature:
    """Without the context, which is no argument of the task."""
    signature = inspect.signature(task.func)
    parameters = list(signature.parameters.values())[1 if task.takes_context else 0 :]
    return signature.replace(parameters=parameters)


def json_values(
    task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as JSON values, if annotations turn them back into what they were. Otherwise as they are.

    Raises TypeError for arguments that don't fit the parameters or their annotations.
    """
    arguments, is_typed = _known_of(task)
    arguments.check(tuple(args), kwargs)
    if not is_typed:
        return list(args), dict(kwargs)
    entry = arguments.encode({"args": args, "kwargs": kwargs})
    return msgspec.json.decode(msgspec.json.encode((entry["args"], entry["kwargs"])))


def arguments_of(task: Task[..., Any]) -> Arguments:
    """Those of the task's parameters."""
    return _known_of(task)[0]


def _known_of(task: Task[..., Any]) -> tuple[Arguments, bool]:
    key = (task.func, task.takes_context)
    if (known := _known.get(key)) is None:
        known = _known[key] = _arguments_of(task)
    return known


_known: dict[tuple[Callable[..., Any], bool], tuple[Arguments, bool]] = {}


def _arguments_of(task: Task[..., Any]) -> tuple[Arguments, bool]:
    """With whether any annotation acts."""

    @functools.wraps(task.func)
    def stand_in() -> None: ...

    stand_in.__signature__ = signature_of(task)  # pyright: ignore[reportAttributeAccessIssue]
    name = task.func.__qualname__
    return Arguments(stand_in, name), typed_parameters(stand_in, name) is not None
