"""What stands in arguments for the end of a task that has not run: its result, or its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from typing import Self


class TooEarly(TypeError):
    """Something needs the value that a placeholder stands for, before the task has run."""

    def __init__(self, placeholder: Placeholder, what: str) -> None:
        super().__init__(
            f"{placeholder!r} is not there before the task has run: give it to add(...) as it is, and in that task"
            f" {what}; or below the block, wait for .ref.result()"
        )
        self.placeholder = placeholder


class NoAttributeYet(TooEarly, AttributeError):
    """The same, for an attribute."""


class Placeholder:
    """`owner` builds the workflow, in which `name` is the ref of the task, and `kind` is `$result` or `$outcome`.

    What needs the value itself raises `TooEarly`: it would else end up as something wrong in an argument, such as the
    text of this object.
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
        raise TooEarly(self, "format it")

    def __format__(self, _spec: str) -> str:
        raise TooEarly(self, "format it")

    def __bool__(self) -> NoReturn:
        raise TooEarly(self, "test it")

    def __len__(self) -> NoReturn:
        raise TooEarly(self, "take its length")

    def __iter__(self) -> NoReturn:
        raise TooEarly(self, "loop over it, with current_task().workflow.add(...) for each item")

    def __contains__(self, _item: object) -> NoReturn:
        raise TooEarly(self, "search it")

    def __getitem__(self, item: Any) -> NoReturn:
        raise TooEarly(self, f"take [{item!r}]")

    def __await__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not there before the task has run: below the block, await .ref")

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError(f"{self!r} is no function: the arguments of a call belong in add(task, 1, 2)")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Placeholder):
            return self is other
        raise TooEarly(self, "compare it")

    __hash__ = object.__hash__

    def _calculate(self, *_others: object) -> NoReturn:
        raise TooEarly(self, "calculate with it")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _calculate
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __abs__ = __round__ = _calculate
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __index__ = _calculate

    def __getattr__(self, attribute: str) -> NoReturn:
        if attribute.startswith("__"):  # libraries ask for these to find out what kind of object it is
            raise AttributeError(f"no attribute {attribute!r}", name=attribute, obj=self)
        raise NoAttributeYet(self, f"take .{attribute}")
