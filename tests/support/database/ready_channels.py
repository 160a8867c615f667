"""Listening for what wakes workers, on every channel where it may arrive."""

from psycopg import sql

from lapinq_core.db.ready_notices import ALL_CHANNELS

LISTEN = sql.SQL("; ").join(sql.SQL("LISTEN {}").format(sql.Identifier(one)) for one in sorted(ALL_CHANNELS))
