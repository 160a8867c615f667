"""The policy of a queue: how many of its tasks run, how often they start, and in which order."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_kinds import kind_of
from lapinq_core.domain.limits.rate import Rate, whole
from lapinq_core.domain.tasks.task import MAX_NAME, check_json

MAX_RUNNING = 1_000_000
MIN_WEIGHT, MAX_WEIGHT = 0.001, 1000
MAX_WEIGHTS = 1000


class StartOrder(StrEnum):
    """In which order the ready tasks of a queue start."""

    PRIORITY = "priority"
    FAIR = "fair"
    STRICT_PER_KEY = "strict_per_key"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says about a queue. None means no rule."""

    max_running: int | None = None
    max_running_per_key: int | None = None
    rate: Rate | None = None
    rate_per_key: Rate | None = None
    order: StartOrder = StartOrder.PRIORITY
    weights: dict[str, float] | None = None


def check_places(field: str, number: int) -> None:
    """How many may run. Raises `InvalidValue`."""
    if not 1 <= number <= MAX_RUNNING:
        raise InvalidValue(field, f"must be from 1 to {MAX_RUNNING:,}, or null for no limit")


def check_order_of_weights(weights: Mapping[str, float] | None, order: StartOrder) -> None:
    """Raises `InvalidValue` for weights in an order that does not look at them."""
    if weights and order != StartOrder.FAIR:
        raise InvalidValue(
            "weights", f"apply in fair order only, and the order is {order}: set it to fair too"
        )


def checked_weights(weights: dict[str, Any]) -> dict[str, float] | None:
    """The weights of keys; None if there are none. Checks their types, too. Raises `InvalidValue` naming the key."""
    if len(weights) > MAX_WEIGHTS:
        raise InvalidValue("weights", f"must have at most {MAX_WEIGHTS:,} keys")
    for key, weight in weights.items():
        if not 1 <= len(key) <= MAX_NAME:
            raise InvalidValue("weights", f"must have keys of 1 to {MAX_NAME} characters")
        check_json("weights", key)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise InvalidValue(f"weights.{key}", f"must be a number, not {kind_of(weight)}")
        if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
            raise InvalidValue(f"weights.{key}", f"must be from {MIN_WEIGHT} to {MAX_WEIGHT:,}")
    return {key: whole(weight) for key, weight in weights.items()} or None
