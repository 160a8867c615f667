"""The units of named limits that one attempt says it used."""

from collections.abc import Mapping

from lapinq_core.domain.errors import InvalidValue

MAX_SPENDS = 100


def with_spend(spent: Mapping[str, float] | None, limit: str, units: float) -> dict[str, float]:
    """`spent` with the latest units of `limit`: a copy, because other threads may read it. Raises `InvalidValue` for
    too many limits."""
    changed = {**(spent or {}), limit: units}
    if len(changed) > MAX_SPENDS:
        raise InvalidValue("limit", f"must be one of at most {MAX_SPENDS} limits that an attempt uses")
    return changed
