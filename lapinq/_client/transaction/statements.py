"""The core's statements for tasks and workflows, with their parameters as the driver writes them."""

from __future__ import annotations

import re
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lapinq_core.db.statements import sql
from lapinq_core.intake.new_tasks import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lapinq_core.db.notify.channels import Notice

    Row = Sequence[Any]

Verb = Literal[
    "enqueue",
    "enqueue_announced",
    "meet_unique_keys",
    "find_limits",
    "claim_keys",
    "find_idempotency_keys",
    "announce",
    "store_workflow",
    "store_own_step",
    "signal",
]
Placeholder = Literal["%s", "$1"]

_ROOMS: dict[Verb, str] = {"store_workflow": "workflows", "store_own_step": "durable", "signal": "durable"}
_PARAMETER = re.compile(r"%\((\w+)\)s")


class Statement(msgspec.Struct, frozen=True):
    """`argument` is what it is about: tasks, the names of limits, a key, notices, a part of a workflow, the values of a
    step by their names in the statement; of a signal its task, name and value."""

    verb: Verb
    argument: Any

    @property
    def values(self) -> tuple[str, ...]:
        """Its parameters, in their order."""
        if self.verb in ("enqueue", "enqueue_announced"):
            return (encoded(self.argument),)
        if self.verb == "store_workflow":
            params = self.argument.params()
            return tuple(params[name] for name in _PARAMETER.findall(_sql(self.verb)))
        if self.verb == "signal":
            return self.argument
        if self.verb == "find_idempotency_keys":
            return (_array(self.argument),)
        if self.verb == "store_own_step":
            return tuple(self.argument[name] for name in _PARAMETER.findall(_sql(self.verb)))
        return (msgspec.json.encode(self.argument).decode(),)

    def text(self, placeholder: Placeholder) -> str:
        """Its parameters are texts, whatever adapters for JSON or lists the connection has."""
        return _text(self.verb, placeholder)


def announcement(notices: Iterable[Notice]) -> Statement:
    """The statement that sends them when its transaction commits."""
    return Statement("announce", list(notices))


@cache
def _text(verb: Verb, placeholder: Placeholder) -> str:
    numbers = count(1)

    def written(_: re.Match[str]) -> str:
        return f"${next(numbers)}::text" if placeholder == "$1" else "%s::text"

    return _PARAMETER.sub(written, _sql(verb))


def _sql(verb: Verb) -> str:
    return sql(f"lapinq_core.{_ROOMS.get(verb, 'intake')}", verb)


def _array(only: str | None) -> str:
    """The text of an array with one text."""
    if only is None:
        return "{NULL}"
    escaped = only.replace("\\", "\\\\").replace('"', '\\"')
    return f'{{"{escaped}"}}'
