"""The arguments of a call: whether they fit the function, and their JSON."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.entries.encoding import as_basic_type, encode
from lapinq._client.entries.placeholder import Placeholder
from lapinq_core.domain.annotations.argument_label import argument_label

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lapinq_core.domain.annotations.typed_function import TypedParameters


class Arguments:
    """Errors begin with the name of the task and name the parameter. `typed`: they must fit the annotations, too."""

    def __init__(self, function: Callable[..., Any], task_name: str, *, typed: bool = True) -> None:
        self._function = function
        self._task_name = task_name
        self._is_typed = typed

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raises TypeError for arguments that the function doesn't accept."""
        if self._signature is not None and (kwargs or len(args) not in self._counts):
            try:
                self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{self._task_name}(): {error}") from None

    def bound(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """The arguments as the function gets them, with its defaults, by position as far as that is possible."""
        if self._signature is None or (not kwargs and len(args) == self._counts.stop - 1):
            return args, kwargs
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def encode(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the entry with its arguments as JSON.

        Raises like `encoding.encode`, and `TypeMismatch` for an argument that would not fit its annotation in a worker.
        """
        args, kwargs = self._encode(entry.get("args") or (), entry.get("kwargs") or {})
        if self._typed_parameters is not None:
            self._typed_parameters.check(args, kwargs)
        return {**entry, "args": args, "kwargs": kwargs}

    def check_types(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raises like `encode`, if any annotation acts."""
        if self._typed_parameters is not None:
            self._typed_parameters.check(*self._encode(args, kwargs))

    def with_references(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        json_of: Callable[[Placeholder], Any],
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments. One that contains a placeholder is as JSON has it, with what `json_of` makes of that.

        Raises like `check_types`, for all others.
        """
        has_some = False

        def hook(value: Any) -> Any:
            nonlocal has_some
            if not isinstance(value, Placeholder):
                return as_basic_type(value)
            has_some = True
            return json_of(value)

        def read(value: Any, label: str) -> tuple[Any, msgspec.Raw | None]:
            nonlocal has_some
            has_some = False
            text = encode(value, label, hook)
            return (msgspec.json.decode(text), None) if has_some else (value, text)

        names = self._positional_names()
        positional = [read(value, self._label(next(names, number))) for number, value in enumerate(args)]
        named = {name: read(value, self._label(name)) for name, value in kwargs.items()}
        if self._typed_parameters is not None:
            self._typed_parameters.check(
                [text for _, text in positional], {name: text for name, (_, text) in named.items()}
            )
        return [value for value, _ in positional], {name: value for name, (value, _) in named.items()}

    def forget_annotations(self) -> None:
        """Resolve them again when they are next needed: while its module is imported, what is below doesn't exist."""
        vars(self).pop("_typed_parameters", None)

    def _encode(
        self, positional: Iterable[Any], named: Mapping[str, Any]
    ) -> tuple[list[msgspec.Raw], dict[str, msgspec.Raw]]:
        names = self._positional_names()
        args = [encode(value, self._label(next(names, number))) for number, value in enumerate(positional)]
        kwargs = {name: encode(value, self._label(name)) for name, value in named.items()}
        return args, kwargs

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        from lapinq_core.domain.annotations.hints import signature_of

        return signature_of(self._function)

    @functools.cached_property
    def _counts(self) -> range:
        """How many arguments by position suffice, without others by name. To ask this costs less than to bind them.

        Empty where it is not so simple: some arguments have a name only.
        """
        assert self._signature is not None
        parameters = self._signature.parameters.values()
        by_position = [
            one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
        if any(one.kind is one.KEYWORD_ONLY for one in parameters):
            return range(0)
        return range(sum(one.default is one.empty for one in by_position), len(by_position) + 1)

    @functools.cached_property
    def _typed_parameters(self) -> TypedParameters | None:
        if not self._is_typed:
            return None
        from lapinq_core.domain.annotations.typed_function import typed_parameters

        return typed_parameters(self._function, self._task_name)

    def _positional_names(self) -> Iterator[str]:
        parameters = self._signature.parameters.values() if self._signature is not None else ()
        return (
            one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        )

    def _label(self, argument: str | int) -> str:
        return argument_label(self._task_name, argument)
