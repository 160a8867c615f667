"""The body of a request to set a named limit."""

from typing import Annotated

import msgspec

from lapinq_api.operations.bodies.rate_request import RateRequest
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.policy import MAX_RUNNING, check_places
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc


class LimitRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a named limit allows: at least one of both. What is left out is no rule."""

    max_running: Annotated[
        int | None,
        doc(
            "Maximum number of tasks with this limit that run at the same time, on all workers together.",
            example=2,
        ),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_RUNNING}),
    ] = None
    rate: Annotated[
        RateRequest | None,
        doc(
            "How many units tasks may take when they start.",
            example={"limit": 90_000, "period_seconds": 60},
        ),
    ] = None


def read_limit(body: bytes) -> tuple[int | None, Rate | None]:
    """How many may run, and the rate. Raises `InvalidValue`."""
    given = decode(_limit, body)
    if given.max_running is not None:
        check_places("max_running", given.max_running)
    if given.max_running is None and given.rate is None:
        raise InvalidValue("", "must have max_running or rate: a limit without both would allow everything")
    return given.max_running, None if given.rate is None else given.rate.checked("rate")


_limit = msgspec.json.Decoder(LimitRequest)
