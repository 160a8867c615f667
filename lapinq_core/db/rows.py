"""The rows of a statement. `prepare` is psycopg's: None lets it decide.

Clients import it, whichever driver they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Params, QueryNoTemplate
    from psycopg.rows import TupleRow


async def all_rows(
    conn: psycopg.AsyncConnection,
    query: QueryNoTemplate,
    params: Params | None = None,
    *,
    prepare: bool | None = None,
) -> list[TupleRow]:
    """All of them."""
    return await (await conn.execute(query, params, prepare=prepare)).fetchall()


async def maybe_row(
    conn: psycopg.AsyncConnection,
    query: QueryNoTemplate,
    params: Params | None = None,
    *,
    prepare: bool | None = None,
) -> TupleRow | None:
    """The first, None if there is none."""
    return await (await conn.execute(query, params, prepare=prepare)).fetchone()


async def one_row(
    conn: psycopg.AsyncConnection,
    query: QueryNoTemplate,
    params: Params | None = None,
    *,
    prepare: bool | None = None,
) -> TupleRow:
    """The row of a statement that always returns one."""
    row = await (await conn.execute(query, params, prepare=prepare)).fetchone()
    assert row is not None
    return row


async def first_value(
    conn: psycopg.AsyncConnection,
    query: QueryNoTemplate,
    params: Params | None = None,
    *,
    prepare: bool | None = None,
) -> Any:
    """The first column of the first row, None if there is none."""
    row = await (await conn.execute(query, params, prepare=prepare)).fetchone()
    return row[0] if row else None
