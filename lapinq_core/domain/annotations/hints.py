"""The annotations of a callable, resolved one by one: a name that only type checkers know leaves the others alone."""

import functools
import inspect
import sys
import typing
from collections.abc import Callable
from typing import Any


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """The signature of the callable itself, not of one that it wraps: a decorator may supply arguments.

    None for a callable without one, such as a function written in C.
    """
    try:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            return inspect.signature(function, follow_wrapped=False, annotation_format=Format.FORWARDREF)
        return inspect.signature(function, follow_wrapped=False)
    except ValueError:
        return None


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotation of each parameter by its name, and of the result as `return`. Those that don't resolve are absent.

    Never raises: without hints, a function is called as if it had no annotations.
    """
    try:
        signature = signature_of(function)
        if signature is None:
            return {}
        annotations = {one.name: one.annotation for one in signature.parameters.values()}
        annotations["return"] = signature.return_annotation
        variables = _variables(function)
        type_parameters = {one.__name__: one for one in getattr(function, "__type_params__", ())}
    except Exception:  # noqa: BLE001  # user code: callables and annotations may be any objects
        return {}
    hints = dict[str, Any]()
    for name, annotation in annotations.items():
        if annotation is not inspect.Parameter.empty:
            try:
                hints[name] = _resolve(annotation, variables, type_parameters)
            except Exception:  # noqa: BLE001, S112  # user code: evaluating an annotation runs it
                continue
    return hints


def _resolve(annotation: Any, variables: dict[str, Any], type_parameters: dict[str, Any]) -> Any:
    def carrier() -> None: ...

    carrier.__annotations__ = {"value": annotation}
    return typing.get_type_hints(carrier, variables, type_parameters, include_extras=True)["value"]


def _variables(function: Any) -> dict[str, Any]:
    """The globals in which its annotations were written. `functools.wraps` copies annotations from what it wraps."""
    while isinstance(function, functools.partial):
        function = function.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    written = inspect.unwrap(function)  # pyright: ignore[reportUnknownArgumentType]
    variables: dict[str, Any] | None = getattr(written, "__globals__", None)
    if variables is None:
        variables = vars(sys.modules[written.__module__])
    return variables
