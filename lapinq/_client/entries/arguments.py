"""The arguments of a call: whether they fit the function, and their JSON."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from lapinq._client.entries.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


class Arguments:
    """Errors begin with the name of the task and name the parameter."""

    def __init__(self, function: Callable[..., Any], task_name: str) -> None:
        self._function = function
        self._task_name = task_name

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raises TypeError for arguments that the function doesn't accept."""
        if self._signature is not None:
            try:
                self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{self._task_name}(): {error}") from None

    def encode(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the entry with its arguments as JSON. Raises like `encoding.encode`."""
        names = self._positional_names()
        positional: Iterable[Any] = entry.get("args") or ()
        named: Mapping[str, Any] = entry.get("kwargs") or {}
        args = [encode(value, self._label(next(names, number))) for number, value in enumerate(positional)]
        kwargs = {name: encode(value, self._label(name)) for name, value in named.items()}
        return {**entry, "args": args, "kwargs": kwargs}

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            # Without following __wrapped__: a decorator in between may supply arguments itself.
            return inspect.signature(self._function, follow_wrapped=False)
        except ValueError:  # written in C, without a signature
            return None

    def _positional_names(self) -> Iterator[str]:
        parameters = self._signature.parameters.values() if self._signature is not None else ()
        return (
            one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        )

    def _label(self, argument: str | int) -> str:
        label = repr(argument) if isinstance(argument, str) else str(argument + 1)
        return f"{self._task_name}(): argument {label}"
