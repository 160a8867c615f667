"""Paging of lists: the page size and the cursor."""

import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.errors import InvalidValue

DEFAULT_LIMIT = 50
MAX_LISTED = 1000

CURSOR_HEADER = "X-Next-Cursor"
CURSOR_HEADERS = {CURSOR_HEADER: "The `cursor` of the next page, if there is one."}

LIMIT = Parameter(
    name="limit",
    description="Maximum number of entries.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LISTED, "default": DEFAULT_LIMIT},
)


def cursor_parameter(pattern: str) -> Parameter:
    """The parameter for the next page; it must match `pattern` as a whole."""
    return Parameter(
        name="cursor",
        description="Start after the previous page: the value of its X-Next-Cursor header.",
        schema={"type": "string", "pattern": f"^{pattern}$"},
    )


def read_limit(query: dict[str, str]) -> int:
    """The page size. Raises `InvalidValue`."""
    return whole_number("limit", query.get("limit"), DEFAULT_LIMIT, lowest=1, highest=MAX_LISTED)


def wrong_cursor() -> InvalidValue:
    """The error for a cursor that no page returned."""
    return InvalidValue("cursor", "must be the value of an X-Next-Cursor header")


def next_number(last: int | None) -> dict[str, str] | None:
    """The cursor header after number `last`; None if there is no next page."""
    return None if last is None else {CURSOR_HEADER: cursor_after_number(last)}


def cursor_after_number(last: int) -> str:
    """The cursor after number `last`."""
    return urlsafe_b64encode(last.to_bytes(8)).rstrip(b"=").decode()


def read_number(query: Mapping[str, str]) -> int | None:
    """The number after which the page starts; None for the first page. Raises `InvalidValue`."""
    text = query.get("cursor")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise wrong_cursor()
    return int.from_bytes(urlsafe_b64decode(f"{text}="), signed=True)


def next_text(last: str | None) -> dict[str, str] | None:
    """The cursor header after the text `last`; None if there is no next page."""
    return None if last is None else {CURSOR_HEADER: cursor_after_text(last)}


def cursor_after_text(last: str) -> str:
    """The cursor after the text `last`."""
    return urlsafe_b64encode(last.encode()).decode()


def read_text(query: Mapping[str, str]) -> str | None:
    """The text after which the page starts; None for the first page. Raises `InvalidValue`."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        last = b64decode(text, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise wrong_cursor() from error
    if not last or "\x00" in last:
        raise wrong_cursor()
    return last


_NUMBER = re.compile(r"[A-Za-z0-9_-]{11}")

NUMBER_CURSOR = cursor_parameter(_NUMBER.pattern)
TEXT_CURSOR = cursor_parameter(r"[A-Za-z0-9_-]+={0,2}")
