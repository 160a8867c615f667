"""The core's statements for tasks, with their only parameter as the driver writes it."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from lapinq_core.db.statements import sql

Verb = Literal[
    "enqueue",
    "meet_unique_keys",
    "find_limits",
    "claim_keys",
    "find_idempotency_keys",
    "announce",
]
Placeholder = Literal["%s", "$1"]

_PARAMETER = re.compile(r"%\(\w+\)s")


@cache
def statement(verb: Verb, placeholder: Placeholder) -> str:
    """Its parameter is a text, whatever adapters for JSON or lists the connection has."""
    return _PARAMETER.sub(f"{placeholder}::text", sql("lapinq_core.intake", verb))
