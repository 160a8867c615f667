"""A circuit breaker in the body of a request."""

from typing import Annotated, ClassVar

import msgspec

from lapinq_core.domain.limits.breaker import (
    LEAST_ATTEMPTS,
    MAX_FAILURES,
    MAX_SECONDS,
    MIN_SECONDS,
    RETRY_AFTER_SECONDS,
    WINDOW_SECONDS,
    BreakerRule,
    check_breaker,
)
from lapinq_core.domain.requests.values import doc

_WHOLE = msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_FAILURES})
_SECONDS = msgspec.Meta(extra_json_schema={"minimum": MIN_SECONDS, "maximum": MAX_SECONDS})


class BreakerRequest(msgspec.Struct, forbid_unknown_fields=True):
    """When the breaker opens: `failures_in_row`, `failure_share` or both are required."""

    lists_fields: ClassVar[bool] = True
    """In the error for another field, whose nearest name may be the wrong rule, and for another kind of value."""

    failures_in_row: Annotated[
        int | None, doc("It opens after this many failed attempts in a row.", example=5), _WHOLE
    ] = None
    failure_share: Annotated[
        float | None,
        doc("It opens when this share of the attempts in the window failed.", example=0.5),
        msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": 1}),
    ] = None
    window_seconds: Annotated[float, doc("Length of the window.", example=60), _SECONDS] = WINDOW_SECONDS
    least_attempts: Annotated[
        int, doc("Attempts in the window before their share counts.", example=20), _WHOLE
    ] = LEAST_ATTEMPTS
    retry_after_seconds: Annotated[
        float, doc("How long it stays open before it tries one task.", example=30), _SECONDS
    ] = RETRY_AFTER_SECONDS

    def checked(self, field: str) -> BreakerRule:
        """The rule. Raises `InvalidValue` that names the place in `field`."""
        rule = BreakerRule(**{name: getattr(self, name) for name in self.__struct_fields__})
        check_breaker(rule, field)
        return rule
