"""Reads query strings as strictly as bodies: unknown parameters are errors."""

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.types import Scope

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean

_MAX_PARAMETERS = 100
_OTHER_PAGING = ("after", "offset", "page", "skip")
"""How other APIs page."""


def read_query(scope: Scope, known: AbstractSet[str]) -> dict[str, str]:
    """The parameters of the query string. Raises `InvalidValue` for one that is not `known` or appears twice."""
    raw: bytes = scope["query_string"]
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise InvalidValue("the query", "must be encoded in UTF-8") from error
    except ValueError as error:
        raise InvalidValue("the query", f"must have at most {_MAX_PARAMETERS} parameters") from error
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            meant = "cursor" if name in _OTHER_PAGING and "cursor" in known else name
            raise InvalidValue(name, f"is not a known parameter{did_you_mean(meant, known)}")
        if name in query:
            raise InvalidValue(name, "must be given once")
        query[name] = value
    return query


def flag(name: str, text: str | None) -> bool:
    """`text` as a boolean, False by default. Raises `InvalidValue` unless it is `true` or `false`."""
    if text not in {None, "true", "false"}:
        raise InvalidValue(name, "must be true or false")
    return text == "true"


def whole_number(name: str, text: str | None, default: int, *, lowest: int, highest: int) -> int:
    """`text` as an integer. Raises `InvalidValue` if it isn't one or is out of bounds."""
    if text is None:
        return default
    # Check before int(), which accepts spaces, underscores and other scripts' digits, and is slow for long input.
    if not _DIGITS.fullmatch(text) or not lowest <= (number := int(text)) <= highest:
        raise InvalidValue(name, f"must be a whole number between {lowest} and {highest}")
    return number


def seconds(name: str, text: str | None, *, highest: int) -> float:
    """`text` as a number of seconds, 0 by default. Raises `InvalidValue` if it isn't one or is out of bounds."""
    if text is None:
        return 0.0
    if not _DECIMAL.fullmatch(text) or (number := float(text)) > highest:
        raise InvalidValue(name, f"must be a number of seconds between 0 and {highest}")
    return number


def moment(name: str, text: str | None) -> datetime | None:
    """`text` as a time in UTC, which is also the default offset. Raises `InvalidValue`."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = "must be an ISO 8601 time such as 2030-01-31T12:00:00Z, with + written as %2B"
        raise InvalidValue(name, msg) from error


# With an exponent for tiny values, as programs write them.
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,40})?([eE]-[0-9]{1,3})?")
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")
