"""A rate in the body of a request."""

from typing import Annotated, ClassVar

import msgspec

from lapinq_core.domain.limits.rate import (
    MAX_AMOUNT,
    MAX_PERIOD_SECONDS,
    MIN_PERIOD_SECONDS,
    Rate,
    checked_rate,
)
from lapinq_core.domain.requests.values import doc


class RateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A token bucket: `limit` tokens come in per period, evenly, up to `burst`."""

    lists_fields: ClassVar[bool] = True
    """In the error for another kind of value: in code and on the command line a rate is a text."""

    limit: Annotated[
        float,
        doc("Tokens that come in per period.", example=100),
        msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": MAX_AMOUNT}),
    ]
    period_seconds: Annotated[
        float,
        doc("The period.", example=60),
        msgspec.Meta(extra_json_schema={"minimum": MIN_PERIOD_SECONDS, "maximum": MAX_PERIOD_SECONDS}),
    ]
    burst: Annotated[
        float | None,
        doc(
            "Tokens that the bucket holds, and so may be taken at once after a pause. By default `limit`, at least 1.",
            example=100,
        ),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_AMOUNT}),
    ] = None

    def checked(self, field: str) -> Rate:
        """The rate. Raises `InvalidValue` that names the place in `field`."""
        return checked_rate(field, self.limit, self.period_seconds, self.burst)
