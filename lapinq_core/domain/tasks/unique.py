"""Unique and debounced tasks: which fields say so, and the rules for their values.

A *unique* task has a key. While it holds that key in its queue, no other task is stored with it. A *debounced* task
holds its key until it starts; each further call replaces it and puts it off.
"""

import math
from typing import Literal

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.key import check_key

OnConflict = Literal["return", "reject", "replace"]
UNTIL = ("started", "finished")
ON_CONFLICT = ("return", "reject", "replace")


class Unique(msgspec.Struct, frozen=True, omit_defaults=True):
    """The task holds `key` until it has started, has finished, or for a number of seconds, whether it has ended or not.

    `on_conflict`: what happens to this task while another holds the key. `replace` gives a waiting holder the
    arguments and options of this one, unless it is in a workflow.
    """

    key: str
    until: str | float = "finished"
    on_conflict: OnConflict = "return"


class Debounce(msgspec.Struct, frozen=True, omit_defaults=True):
    """The task starts `delay` seconds after the last call with `key`, but at most `max_wait` seconds after the first.
    None: calls may put it off forever."""

    key: str
    delay: float
    max_wait: float | None = None


def check_unique(unique: Unique) -> None:
    """Raises `InvalidValue` naming the field below `unique`."""
    check_key("unique.key", unique.key)
    until = unique.until
    if until not in UNTIL and (isinstance(until, str) or not 0 < until <= MAX_SECONDS):
        raise InvalidValue(
            "unique.until",
            f'must be "started", "finished" or a number of seconds, more than 0 and at most {MAX_SECONDS} (ten years)',
        )
    if unique.on_conflict not in ON_CONFLICT:
        raise InvalidValue("unique.on_conflict", 'must be "return", "reject" or "replace"')


def check_debounce(debounce: Debounce) -> None:
    """Raises `InvalidValue` naming the field below `debounce`."""
    check_key("debounce.key", debounce.key)
    _check_seconds("debounce.delay", debounce.delay)
    if debounce.delay == 0:
        raise InvalidValue("debounce.delay", "must be more than 0")
    if debounce.max_wait is not None:
        _check_seconds("debounce.max_wait", debounce.max_wait)
        if debounce.max_wait < debounce.delay:
            raise InvalidValue("debounce.max_wait", "must not be less than the delay")


def _check_seconds(loc: str, value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= MAX_SECONDS):
        raise InvalidValue(loc, f"must be a number of seconds between 0 and {MAX_SECONDS} (ten years)")
