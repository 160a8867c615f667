"""The outbox of notifications. News is stored in the transaction in which it became true; a scheduler or server sends
it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.alerts.news import News

sql = sql_of(__name__)

MAX_PENDING = 1000
"""Notices that wait for one rule. Further ones are only counted, and its next message says how many."""


async def store_news(
    conn: psycopg.AsyncConnection,
    news: Sequence[News] | Sequence[Mapping[str, Any]],
    rules: Sequence[int] | None = None,
) -> int:
    """Stores `news` for each enabled rule that asks for it; returns how many notices that made.

    `rules` is the one rule that each piece is for, of a condition that each rule judges by itself. Writes nothing if
    there is no news, and little more than nothing if no rule asks.
    """
    if not news:
        return 0
    params = {"news": msgspec.json.encode(news).decode(), "rules": rules, "most": MAX_PENDING}
    return await first_value(conn, sql("store_news"), params)
