"""What the fields of the dialogs for a policy, a named limit and a circuit breaker have at first, by name, as JSON."""

from collections.abc import Mapping

import msgspec

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.rate import Rate, whole
from lapinq_core.limits.named_limits import NamedLimit
from lapinq_core.limits.policies import QueuePolicy

BREAKER_DEFAULTS = BreakerRule()
"""They are shown in empty fields."""
PROPOSAL = BreakerRule(failures_in_row=5)


def of_policy(policy: QueuePolicy) -> str:
    heaviest = sorted((policy.weights or {}).items(), key=lambda one: (-one[1], one[0]))
    return _encoded(
        {
            "max_running": policy.max_running,
            "max_running_per_key": policy.max_running_per_key,
            "order": policy.order,
            "weights": "\n".join(f"{key} = {weight:g}" for key, weight in heaviest),
            **_of_rate("rate", policy.rate),
            **_of_rate("rate_per_key", policy.rate_per_key),
            **_of_breaker(policy.breaker, "breaker."),
        }
    )


def of_limit(limit: NamedLimit) -> str:
    return _encoded({"name": limit.name, "max_running": limit.max_running, **_of_rate("rate", limit.rate)})


def of_breaker(breaker: BreakerRule | None) -> str:
    """Of a task name; a new one gets a proposal."""
    return _encoded(_of_breaker(breaker or PROPOSAL))


def _of_rate(name: str, rate: Rate | None) -> dict[str, float | None]:
    """Without a burst that follows from the limit, so that it goes on following it."""
    values: dict[str, float | None] = dict.fromkeys(Rate.__struct_fields__)
    if rate is not None:
        values = msgspec.structs.asdict(rate)
        if rate.burst == max(1, rate.limit):
            values["burst"] = None
    return {f"{name}.{field}": value for field, value in values.items()}


def _of_breaker(breaker: BreakerRule | None, within: str = "") -> dict[str, float | None]:
    """Without what is as by default. The share is in percent."""
    values: dict[str, float | None] = {}
    for field in BreakerRule.__struct_fields__:
        value = getattr(breaker, field, None)
        values[field] = None if value == getattr(BREAKER_DEFAULTS, field) else value
    if (share := values["failure_share"]) is not None:
        values["failure_share"] = whole(round(share * 100, 9))
    return {f"{within}{field}": value for field, value in values.items()}


def _encoded(values: Mapping[str, float | str | None]) -> str:
    return msgspec.json.encode(values).decode()
