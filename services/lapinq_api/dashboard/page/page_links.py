"""Links between the pages of a list: to the first page and to older entries, with the same filters."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

CURSOR = "cursor"


class PageLinks(msgspec.Struct, frozen=True):
    """Query strings. `first` is None on the first page, `older` on the last."""

    first: str | None
    older: str | None


def page_links(query: Mapping[str, str], cursor: str | None) -> PageLinks:
    """The links of the page at `query`. `cursor` leads to the next page; None on the last."""
    filters = {name: text for name, text in query.items() if name != CURSOR}
    return PageLinks(
        first=f"?{urlencode(filters)}" if CURSOR in query else None,
        older=None if cursor is None else f"?{urlencode({**filters, CURSOR: cursor})}",
    )
