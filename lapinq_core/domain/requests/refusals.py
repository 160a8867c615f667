"""What a refused request is told: the body of an error, and sentences that several ways to lapinq share."""

import msgspec

from lapinq_core.domain.errors import InvalidValue

KEY_IN_PROGRESS = "another request with the same Idempotency-Key is in progress"
KEY_REUSED = "the Idempotency-Key was used for a different request within 24 hours"
_MAX_SHOWN = 200


class Detail(msgspec.Struct, frozen=True):
    """An invalid value: its location and what is wrong with it."""

    loc: str
    msg: str


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error response."""

    error: str
    details: list[Detail] = []


def invalid_value(error: InvalidValue) -> ErrorBody:
    loc, msg = _short(error.loc), _short(error.msg)
    return ErrorBody(f"{loc or 'the body'} {msg}", [Detail(loc, msg)])


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
