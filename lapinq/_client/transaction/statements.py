"""The core's statements for tasks, with their only parameter as the driver writes it."""

from __future__ import annotations

import re
from functools import cache
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
]
Placeholder = Literal["%s", "$1"]

_PARAMETER = re.compile(r"%\(\w+\)s")


class Statement(msgspec.Struct, frozen=True):
    """`argument` is what it is about: tasks, the names of limits, a key, notices."""

    verb: Verb
    argument: Any

    @property
    def value(self) -> str:
        """Its only parameter."""
        if self.verb in ("enqueue", "enqueue_announced"):
            return encoded(self.argument)
        if self.verb == "find_idempotency_keys":
            escaped = self.argument.replace("\\", "\\\\").replace('"', '\\"')
            return f'{{"{escaped}"}}'
        return msgspec.json.encode(self.argument).decode()

    def text(self, placeholder: Placeholder) -> str:
        """Its parameter is a text, whatever adapters for JSON or lists the connection has."""
        return _text(self.verb, placeholder)


def announcement(notices: Iterable[Notice]) -> Statement:
    """The statement that sends them when its transaction commits."""
    return Statement("announce", list(notices))


@cache
def _text(verb: Verb, placeholder: Placeholder) -> str:
    return _PARAMETER.sub(f"{placeholder}::text", sql("lapinq_core.intake", verb))
