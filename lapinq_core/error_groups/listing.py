"""What the list of error groups shows, of one moment."""

import msgspec
import psycopg

from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.error_groups import GroupState
from lapinq_core.error_groups import groups, trends
from lapinq_core.error_groups.groups import MAX_LISTED, ErrorGroup, ErrorType, GroupFilter, GroupOrder
from lapinq_core.error_groups.trends import Trend


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The first groups, of `matching`, each with its trend over a day, or the `types` of their errors instead; and how
    many there are in each state, whatever states were asked for."""

    groups: list[ErrorGroup]
    matching: int
    trends: dict[int, Trend]
    counts: dict[GroupState, int]
    types: list[ErrorType] | None = None


async def look(
    conn: psycopg.AsyncConnection, chosen: GroupFilter, order: GroupOrder, *, descending: bool
) -> Listing:
    """The list. `conn` is in no transaction."""
    async with snapshot(conn):
        found, matching = await groups.list_groups(conn, chosen, order, MAX_LISTED, descending=descending)
        return Listing(
            groups=found,
            matching=matching,
            trends=await trends.trends(conn, [group.id for group in found]),
            counts=await groups.count_by_state(conn, chosen),
        )


async def look_at_types(conn: psycopg.AsyncConnection, chosen: GroupFilter) -> Listing:
    """The list by types of errors. `conn` is in no transaction."""
    async with snapshot(conn):
        types = await groups.list_types(conn, chosen)
        counts = await groups.count_by_state(conn, chosen)
        return Listing(groups=[], matching=0, trends={}, counts=counts, types=types)
