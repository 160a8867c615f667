"""What stands in arguments for the end of a task that has not run: its result, or its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from typing import Self


class Placeholder:
    """`owner` builds the workflow, in which `name` is the ref of the task, and `kind` is `$result` or `$outcome`.

    What needs the value itself raises TypeError or AttributeError: it would else end up as something wrong in an
    argument, such as the text of this object.
    """

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        # That of Any, which a node derives from for type checkers, takes no arguments before Python 3.13.
        return object.__new__(cls)

    def __init__(self, owner: object, name: str, kind: str) -> None:
        self.owner = owner
        self.name = name
        self.kind = kind

    def __repr__(self) -> str:
        return f"<the {self.kind[1:]} of {self.name!r}>"

    def __str__(self) -> str:
        raise TypeError(self._too_early("format it"))

    def __bool__(self) -> NoReturn:
        raise TypeError(self._too_early("test it"))

    def __iter__(self) -> NoReturn:
        raise TypeError(self._too_early("loop over it, with current_task().workflow.add(...) for each item"))

    def __getitem__(self, item: Any) -> NoReturn:
        raise TypeError(self._too_early(f"take [{item!r}]"))

    def __await__(self) -> NoReturn:
        raise TypeError(self._too_early("use it"))

    def _calculate(self, *_others: object) -> NoReturn:
        raise TypeError(self._too_early("calculate with it"))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _calculate
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = _calculate

    def __getattr__(self, attribute: str) -> NoReturn:
        told = f"no attribute {attribute!r}"
        if not attribute.startswith("__"):
            told = self._too_early(f"take .{attribute}")
        raise AttributeError(told, name=attribute, obj=self)

    def _too_early(self, what: str) -> str:
        return (
            f"{self!r} is not there before the task has run: give it to add(...) as it is, and in that task {what};"
            " or below the block, wait for .ref.result()"
        )
