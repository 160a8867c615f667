"""Listening for what wakes workers, on every channel where it may arrive."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from lapinq_core.db.notify import ready_notices
from lapinq_core.db.notify.ready_notices import ALL_CHANNELS

LISTEN = sql.SQL("; ").join(sql.SQL("LISTEN {}").format(sql.Identifier(one)) for one in sorted(ALL_CHANNELS))


@contextmanager
def waking(db: psycopg.Connection, queue: str) -> Generator[None]:
    """What happens in the context wakes workers of the queue. `db` is in autocommit mode."""
    db.execute(LISTEN)
    try:
        yield
        # In one expression, so that the generator ends here: it locks the connection.
        assert any(ready_notices.read(note.payload).queue == queue for note in db.notifies(timeout=30))
    finally:
        db.execute("UNLISTEN *")
