"""Limits the number of error groups and folds their counts. A pass is bounded, and any process may repeat it."""

from collections.abc import Mapping

import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import COUNT_SPANS, KEPT_SECONDS, MAX_GROUPS

sql = sql_of(__name__)

FOLD_LIMIT = 5_000
PRUNE_COUNTS_LIMIT = 500
PRUNE_GROUPS_LIMIT = 50


async def turn(conn: psycopg.AsyncConnection) -> bool:
    """Folds, then prunes; whether more is to be done. One after the other, because they lock each other's rows."""
    folded = await fold(conn)
    counts = await prune_counts(conn)
    deleted = await prune_groups(conn)
    return folded >= FOLD_LIMIT or counts >= PRUNE_COUNTS_LIMIT or deleted >= PRUNE_GROUPS_LIMIT


async def fold(conn: psycopg.AsyncConnection, limit: int = FOLD_LIMIT) -> int:
    """Folds the counts of each group and span into one; returns how many it folded."""
    return await _count(conn, "fold_error_counts", {"spans": list(COUNT_SPANS), "limit": limit})


async def prune_counts(conn: psycopg.AsyncConnection, limit: int = PRUNE_COUNTS_LIMIT) -> int:
    """Deletes counts past their retention, up to `limit` of each span; returns how many."""
    params = {"spans": list(COUNT_SPANS), "kept": list(COUNT_SPANS.values()), "limit": limit}
    return await _count(conn, "prune_error_counts", params)


async def prune_groups(
    conn: psycopg.AsyncConnection,
    limit: int = PRUNE_GROUPS_LIMIT,
    *,
    most: int = MAX_GROUPS,
    kept: float = KEPT_SECONDS,
) -> int:
    """Deletes groups that have not failed for `kept` seconds, and those beyond `most`; returns how many."""
    return await _count(conn, "prune_groups", {"limit": limit, "most": most, "kept": kept})


async def _count(conn: psycopg.AsyncConnection, verb: str, params: Mapping[str, object]) -> int:
    return await first_value(conn, sql(verb), params, prepare=True)
