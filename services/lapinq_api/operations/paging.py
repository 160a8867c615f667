"""Lists page by page: how many a page has, and how the next one goes on from it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.errors import InvalidValue

DEFAULT_LIMIT = 50
MOST_LISTED = 1000

CURSOR_HEADER = "X-Next-Cursor"
CURSOR_HEADERS = {CURSOR_HEADER: "What to give as `cursor` for the next page, where there is one."}

LIMIT = Parameter(
    name="limit",
    description="Most to answer.",
    schema={"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LIMIT},
)


def cursor_parameter(pattern: str) -> Parameter:
    """The parameter that a page is gone on with; it matches `pattern` whole."""
    return Parameter(
        name="cursor",
        description="Go on where a page ended, with what its X-Next-Cursor header said.",
        schema={"type": "string", "pattern": f"^{pattern}$"},
    )


def read_limit(query: dict[str, str]) -> int:
    """How many are asked for. Raises `InvalidValue`."""
    return whole_number("limit", query.get("limit"), DEFAULT_LIMIT, lowest=1, highest=MOST_LISTED)


def wrong_cursor() -> InvalidValue:
    """What is raised for a cursor that was not ours."""
    return InvalidValue("cursor", "must be what an X-Next-Cursor header said")


def next_number(last: int | None) -> dict[str, str] | None:
    """The header that leads on after number `last`; None without one."""
    return None if last is None else {CURSOR_HEADER: cursor_after_number(last)}


def cursor_after_number(last: int) -> str:
    """What leads on after number `last`."""
    return urlsafe_b64encode(last.to_bytes(8)).rstrip(b"=").decode()


def read_number(query: Mapping[str, str]) -> int | None:
    """The number that a page goes on after; None for the first page. Raises `InvalidValue`."""
    text = query.get("cursor")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise wrong_cursor()
    return int.from_bytes(urlsafe_b64decode(f"{text}="), signed=True)


_NUMBER = re.compile(r"[A-Za-z0-9_-]{11}")

NUMBER_CURSOR = cursor_parameter(_NUMBER.pattern)
