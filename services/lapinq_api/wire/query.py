"""Reading query strings as strictly as bodies: unknown parameters are refused by name."""

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.types import Scope

from lapinq_core.domain.errors import InvalidValue

_MOST_PARAMETERS = 100


def read_query(scope: Scope, known: AbstractSet[str]) -> dict[str, str]:
    """The parameters of the query string. Raises `InvalidValue` for one not `known` or there twice."""
    raw: bytes = scope["query_string"]
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise InvalidValue("the query", "must be encoded in UTF-8") from error
    except ValueError as error:
        raise InvalidValue("the query", f"must have at most {_MOST_PARAMETERS} parameters") from error
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidValue(name, "is not a known parameter")
        if name in query:
            raise InvalidValue(name, "must be given once")
        query[name] = value
    return query


def flag(name: str, text: str | None) -> bool:
    """Whether `text` says true; left out it is false. Raises `InvalidValue` for anything but `true` and `false`."""
    if text not in {None, "true", "false"}:
        raise InvalidValue(name, "must be true or false")
    return text == "true"


def whole_number(name: str, text: str | None, default: int, *, lowest: int, highest: int) -> int:
    """The number that `text` says. Raises `InvalidValue` for what is no whole number or out of the bounds."""
    if text is None:
        return default
    # Before int(), which takes spaces, underscores and other scripts' digits, and time for very long ones.
    if not _DIGITS.fullmatch(text) or not lowest <= (number := int(text)) <= highest:
        raise InvalidValue(name, f"must be a whole number between {lowest} and {highest}")
    return number


def seconds(name: str, text: str | None, *, highest: int) -> float:
    """The time that `text` says; left out it is 0. Raises `InvalidValue` for what is no number or out of the bounds."""
    if text is None:
        return 0.0
    if not _DECIMAL.fullmatch(text) or (number := float(text)) > highest:
        raise InvalidValue(name, f"must be a number of seconds between 0 and {highest}")
    return number


def moment(name: str, text: str | None) -> datetime | None:
    """The time that `text` says, in UTC; without an offset it is UTC already. Raises `InvalidValue`."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = "must be an ISO 8601 time such as 2030-01-31T12:00:00Z, in which a + is written %2B"
        raise InvalidValue(name, msg) from error


# With an exponent where there is next to nothing, which is how programs write that.
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,40})?([eE]-[0-9]{1,3})?")
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")
