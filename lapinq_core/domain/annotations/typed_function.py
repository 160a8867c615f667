"""A function's arguments and result as its annotations want them. Built once a function."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from lapinq_core.domain.annotations.argument_label import argument_label
from lapinq_core.domain.annotations.hints import hints_of, signature_of
from lapinq_core.domain.annotations.reader import Misfit, Reader, make_reader
from lapinq_core.domain.errors import TypeMismatch

T = TypeVar("T")

_args = msgspec.json.Decoder(list[msgspec.Raw])
_kwargs = msgspec.json.Decoder(dict[str, msgspec.Raw])
_plain = msgspec.json.Decoder()
_EMPTY = len("{}")


def typed_parameters(function: Callable[..., Any], task_name: str) -> "TypedParameters | None":
    """None if all arguments arrive as JSON has them."""
    parameters = TypedParameters(function, task_name)
    return parameters if parameters.act else None


class TypedParameters:
    """The parameters of a function, with a reader for those whose annotation acts."""

    def __init__(self, function: Callable[..., Any], task_name: str) -> None:
        self._task_name = task_name
        self._positional: list[tuple[str, Reader | None]] = []
        self._named: dict[str, Reader | None] = {}
        self._rest: Reader | None = None  # of *args
        self._others: Reader | None = None  # of **kwargs
        hints = hints_of(function)
        signature = signature_of(function) if hints else None
        for one in signature.parameters.values() if signature is not None else ():
            # `at: datetime = None` means that None fits.
            reader = make_reader(hints[one.name], or_none=one.default is None) if one.name in hints else None
            match one.kind:
                case one.VAR_POSITIONAL:
                    self._rest = reader
                case one.VAR_KEYWORD:
                    self._others = reader
                case _:
                    if one.kind is not one.KEYWORD_ONLY:
                        self._positional.append((one.name, reader))
                    if one.kind is not one.POSITIONAL_ONLY:
                        self._named[one.name] = reader

    @property
    def act(self) -> bool:
        """Whether any has a reader."""
        return any(
            (*(reader for _, reader in self._positional), *self._named.values(), self._rest, self._others)
        )

    def read(
        self, args: bytes | msgspec.Raw, kwargs: bytes | msgspec.Raw
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments from their JSON text.

        Raises `TypeMismatch` naming the argument, and what the user's own validators raise besides ValueError and
        TypeError.
        """
        values = [self._value(*one) for one in self._in_order(_args.decode(args))]
        if len(kwargs) == _EMPTY:
            return values, {}
        named = {
            name: self._value(self._reader_of(name), text, name)
            for name, text in _kwargs.decode(kwargs).items()
        }
        return values, named

    def check(self, args: Sequence[msgspec.Raw | None], kwargs: Mapping[str, msgspec.Raw | None]) -> None:
        """Raises what `read` would raise. None is an argument that is not known yet."""
        for reader, text, name in self._in_order(args):
            if reader is not None and text is not None:
                self._value(reader, text, name)
        for name, text in kwargs.items():
            if text is not None and (reader := self._reader_of(name)) is not None:
                self._value(reader, text, name)

    def _in_order(self, args: Sequence[T]) -> Iterator[tuple[Reader | None, T, str | int]]:
        known = len(self._positional)
        for number, text in enumerate(args):
            if number < known:
                name, reader = self._positional[number]
                yield reader, text, name
            else:
                yield self._rest, text, number

    def _reader_of(self, name: str) -> Reader | None:
        return self._named.get(name, self._others)

    def _value(self, reader: Reader | None, text: msgspec.Raw, argument: str | int) -> Any:
        if reader is None:
            return _plain.decode(text)
        try:
            return reader(text)
        except Misfit as error:
            message = f"{argument_label(self._task_name, argument)}: {error}"
            raise TypeMismatch(message, task_name=self._task_name, argument=argument) from error.__cause__


def typed_result(function: Callable[..., Any], task_name: str) -> Callable[[bytes], Any] | None:
    """Reads the JSON text of what the function returned. None if it arrives as JSON has it.

    It raises `TypeMismatch`.
    """
    annotation = hints_of(function).get("return")
    reader = None if annotation is None else make_reader(annotation)
    if reader is None:
        return None

    def read(text: bytes) -> Any:
        try:
            return reader(text)
        except Misfit as error:
            raise TypeMismatch(f"{task_name}(): result: {error}", task_name=task_name) from error.__cause__

    return read
