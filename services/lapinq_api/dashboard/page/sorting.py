"""The order of a table by the address: `sort=ready` ascends, `sort=-ready` descends."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from lapinq_core.domain.errors import InvalidValue

PARAMETER = "sort"


class Sorting(msgspec.Struct, frozen=True):
    """The order, and for each column that can be sorted the query string that a click on its head leads to."""

    by: str
    is_descending: bool
    links: Mapping[str, str]

    def of(self, column: str) -> str | None:
        """The value of `aria-sort` for a column's head."""
        if column != self.by:
            return None
        return "descending" if self.is_descending else "ascending"


def sorting(query: Mapping[str, str], columns: Mapping[str, bool], default: str) -> Sorting:
    """The order in `query`, else `default`, written like it.

    `columns` are those that can be sorted, and whether their first click descends, as it should for numbers. Raises
    `InvalidValue` for another one.
    """
    text = query.get(PARAMETER, default)
    by = text.removeprefix("-")
    if by not in columns:
        raise InvalidValue(
            PARAMETER, f"must be one of {', '.join(columns)}, with a minus for the other direction"
        )
    is_descending = text.startswith("-")
    return Sorting(
        by,
        is_descending,
        {
            column: _link(query, default, column, not is_descending if column == by else descends)
            for column, descends in columns.items()
        },
    )


def _link(query: Mapping[str, str], default: str, column: str, is_descending: bool) -> str:
    text = f"-{column}" if is_descending else column
    others = {name: value for name, value in query.items() if name != PARAMETER}
    return f"?{urlencode(others if text == default else {**others, PARAMETER: text})}"
