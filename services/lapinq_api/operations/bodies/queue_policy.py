"""The body of a request to change a queue's policy."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from lapinq_api.operations.bodies.breaker_request import BreakerRequest
from lapinq_api.operations.bodies.rate_request import RateRequest
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.policy import (
    MAX_RUNNING,
    MAX_WEIGHT,
    MAX_WEIGHTS,
    MIN_WEIGHT,
    StartOrder,
    check_places,
    checked_weights,
)
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import WITHOUT_NUL, doc
from lapinq_core.domain.tasks.task import MAX_NAME

_PLACES = msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_RUNNING})


class PolicyChange(msgspec.Struct, forbid_unknown_fields=True):
    """The fields to change; null removes one."""

    max_running: Annotated[
        int | UnsetType | None,
        doc("Maximum number of tasks that run at the same time, on all workers together.", example=5),
        _PLACES,
    ] = UNSET
    max_running_per_key: Annotated[
        int | UnsetType | None, doc("The same for each key.", example=1), _PLACES
    ] = UNSET
    rate: Annotated[
        RateRequest | UnsetType | None, doc("How often tasks of the queue start, on all workers together.")
    ] = UNSET
    rate_per_key: Annotated[RateRequest | UnsetType | None, doc("How often tasks of each key start.")] = UNSET
    order: Annotated[
        str | UnsetType | None,
        doc(
            "Order in which ready tasks start: by `priority`; `fair`: keys take turns, by weight; `strict_per_key`: a"
            " key's tasks one after another, in the order they were enqueued. Null is `priority`.",
            example="fair",
        ),
        msgspec.Meta(extra_json_schema={"enum": [*StartOrder, None]}),
    ] = UNSET
    weights: Annotated[
        dict[str, Any] | UnsetType | None,
        doc("Weights of keys in `fair` order: starts per turn. The default is 1.", example={"gold": 3}),
        msgspec.Meta(
            extra_json_schema={
                "maxProperties": MAX_WEIGHTS,
                "propertyNames": {"minLength": 1, "maxLength": MAX_NAME, "pattern": WITHOUT_NUL},
                "additionalProperties": {"type": "number", "minimum": MIN_WEIGHT, "maximum": MAX_WEIGHT},
            }
        ),
    ] = UNSET
    breaker: Annotated[
        BreakerRequest | UnsetType | None,
        doc("Circuit breaker: when failures stop the queue, and when it tries a task again."),
    ] = UNSET


def read_policy_change(body: bytes) -> dict[str, Any]:
    """The fields of `Policy` to change, and `breaker`. Raises `InvalidValue`."""
    given = decode(_change, body)
    changes: dict[str, Any] = {}
    for name in ("max_running", "max_running_per_key"):
        number: int | UnsetType | None = getattr(given, name)
        if isinstance(number, int):
            check_places(name, number)
        _add(changes, name, number)
    for name in ("rate", "rate_per_key"):
        rate: RateRequest | UnsetType | None = getattr(given, name)
        _add(changes, name, rate.checked(name) if isinstance(rate, RateRequest) else rate)
    if isinstance(given.order, str) and given.order not in set(StartOrder):
        raise InvalidValue("order", f"must be one of {', '.join(StartOrder)}")
    _add(changes, "order", StartOrder(given.order or "priority") if given.order is not UNSET else UNSET)
    _add(
        changes,
        "weights",
        checked_weights(given.weights) if isinstance(given.weights, dict) else given.weights,
    )
    breaker = given.breaker
    _add(changes, "breaker", breaker.checked("breaker") if isinstance(breaker, BreakerRequest) else breaker)
    if not changes:
        raise InvalidValue("", f"must have a field to change: {', '.join(PolicyChange.__struct_fields__)}")
    return changes


def _add(changes: dict[str, Any], name: str, value: object) -> None:
    if value is not UNSET:
        changes[name] = value


_change = msgspec.json.Decoder(PolicyChange)
