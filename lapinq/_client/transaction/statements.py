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

    from lapinq_core.db.channels import Notice

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
]
Placeholder = Literal["%s", "$1"]

_PARAMETER = re.compile(r"%\((\w+)\)s")


class Statement(msgspec.Struct, frozen=True):
    """`argument` is what it is about: tasks, the names of limits, a key, notices, a part of a workflow."""

    verb: Verb
    argument: Any

    @property
    def values(self) -> tuple[str, ...]:
        """Its parameters, in their order."""
        if self.verb in ("enqueue", "enqueue_announced"):
            return (encoded(self.argument),)
        if self.verb == "store_workflow":
            params = self.argument.params()
            return tuple(params[name] for name in _PARAMETER.findall(sql("lapinq_core.workflows", self.verb)))
        if self.verb == "find_idempotency_keys":
            escaped = self.argument.replace("\\", "\\\\").replace('"', '\\"')
            return (f'{{"{escaped}"}}',)
        return (msgspec.json.encode(self.argument).decode(),)

    def text(self, placeholder: Placeholder) -> str:
        """Its parameters are texts, whatever adapters for JSON or lists the connection has."""
        return _text(self.verb, placeholder)


def announcement(notices: Iterable[Notice]) -> Statement:
    """The statement that sends them when its transaction commits."""
    return Statement("announce", list(notices))


@cache
def _text(verb: Verb, placeholder: Placeholder) -> str:
    room = "lapinq_core.workflows" if verb == "store_workflow" else "lapinq_core.intake"
    numbers = count(1)

    def written(_: re.Match[str]) -> str:
        return f"${next(numbers)}::text" if placeholder == "$1" else "%s::text"

    return _PARAMETER.sub(written, sql(room, verb))
