"""What a task returned, as the return annotation of its function wants it.

The refs of a batch know entries and no tasks. They find the reader by the names in the entry.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Readers = Sequence["ResultReader | None"]


class ResultReader:
    """Shared by the copies of a task."""

    def __init__(self, function: Callable[..., Any], task_name: str, *, typed: bool = True) -> None:
        self._function = function
        self._task_name = task_name
        self._is_typed = typed

    def __call__(self, text: str) -> Any:
        """The value of the JSON text. Raises `TypeMismatch` if it doesn't fit the annotation."""
        return msgspec.json.decode(text) if self._typed is None else self._typed(text.encode())

    def know_by(self, entry: Mapping[str, Any]) -> None:
        """`reader_of` finds it for entries of the same task."""
        if self._typed is not None:
            _by_names[_names(entry)] = self

    @functools.cached_property
    def _typed(self) -> Callable[[bytes], Any] | None:
        if not self._is_typed:
            return None
        from lapinq_core.domain.annotations.typed_function import typed_result

        return typed_result(self._function, self._task_name)


_by_names: WeakValueDictionary[str, ResultReader] = WeakValueDictionary()


def reader_of(entry: Mapping[str, Any]) -> ResultReader | None:
    """None if this process has made no such entry of a task, or if its results are as JSON has them."""
    return _by_names.get(_names(entry)) if _by_names else None


def _names(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('module_path')}:{entry.get('task_name')}"
