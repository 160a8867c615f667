"""Where the pages of a list lead: to its beginning and to what is older, with the same filters."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

CURSOR = "cursor"


class PageLinks(msgspec.Struct, frozen=True):
    """Query strings. `first` is None on the first page, `older` on the last."""

    first: str | None
    older: str | None


def page_links(query: Mapping[str, str], cursor: str | None) -> PageLinks:
    """From a page that was asked for with `query`, and goes on with `cursor`, None where it ends."""
    filters = {name: text for name, text in query.items() if name != CURSOR}
    return PageLinks(
        first=f"?{urlencode(filters)}" if CURSOR in query else None,
        older=None if cursor is None else f"?{urlencode({**filters, CURSOR: cursor})}",
    )
