"""Saved views: searches of a list under a name, each user's own and those that an admin shares with all.

The audit log has what happens to shared ones. A user's own concern nobody else, and would fill it without end.
"""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

MAX_VIEWS = 100
"""How many a user may have."""

sql = sql_of(__name__)


class ViewNameTaken(LapinqError):
    """The user has a view of this page with this name."""


class TooManyViews(LapinqError):
    """The user has as many views as allowed."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A view: `query` is the query string of `page`, a path below the dashboard's root."""

    id: int
    name: str
    page: str
    query: str
    is_shared: bool
    owner: str
    is_own: bool
    created_at: datetime


async def create(conn: psycopg.AsyncConnection, owner_id: int, name: str, page: str, query: str) -> SavedView:
    """Saves a view. Raises `ViewNameTaken` and `TooManyViews`."""
    params = {"owner_id": owner_id, "name": name, "page": page, "query": query}
    async with conn.transaction():
        counted = await maybe_row(conn, sql("count_views"), params)
        if counted is None or counted[0] >= MAX_VIEWS:
            raise TooManyViews
        row = await maybe_row(conn, sql("create_view"), params)
        if row is None:
            raise ViewNameTaken
    return SavedView(**dict(zip(SavedView.__struct_fields__, row, strict=True)))


async def list_for(
    conn: psycopg.AsyncConnection, user_id: int, page: str | None = None, *, shared: bool
) -> list[SavedView]:
    """The user's own views, and with `shared` those that are shared, by name; with `page` only those of it."""
    params = {"user_id": user_id, "page": page, "shared": shared}
    rows = await all_rows(conn, sql("list_views"), params, prepare=True)
    fields = SavedView.__struct_fields__
    return [SavedView(**dict(zip(fields, row, strict=True))) for row in rows]


async def share(
    conn: psycopg.AsyncConnection, view_id: int, user_id: int, *, is_shared: bool, by: Author
) -> bool:
    """Shares a view that the user sees with all, or no longer, and adds an audit entry; False if there is none."""
    params = {"id": view_id, "user_id": user_id, "is_shared": is_shared}
    async with conn.transaction():
        row = await maybe_row(conn, sql("share_view"), params)
        if row is not None:
            action = "view.share" if is_shared else "view.unshare"
            await audit.record(conn, by.did(action, str(view_id), {"name": row[0]}))
    return row is not None


async def delete(
    conn: psycopg.AsyncConnection, view_id: int, user_id: int, *, is_admin: bool, by: Author
) -> bool:
    """Deletes a view of the user, for an admin also a shared one; False if there is none."""
    params = {"id": view_id, "user_id": user_id, "is_admin": is_admin}
    async with conn.transaction():
        row = await maybe_row(conn, sql("delete_view"), params)
        if row is not None and row[1]:
            await audit.record(conn, by.did("view.delete", str(view_id), {"name": row[0]}))
    return row is not None
