"""How PostgreSQL executes a statement: which indexes it uses, and how many rows and pages it looks at."""

import re
from typing import Any

import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import one_row
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn

_PARAMETER = re.compile(r"%\((\w+)\)s")

Plan = dict[str, Any]
"""A node of a plan, as EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) prints it."""

LOOKS = 3
"""Of which the one with the fewest pages counts: what is done to any database of the server may empty a session's
caches, and what it calls next reads the catalogue again."""


def spare_autovacuum(conn: psycopg.Connection) -> None:
    """Keeps autovacuum from our tables: after it all plans are made anew, which reads pages of the catalogue."""
    conn.execute(
        "DO $$ DECLARE name regclass; BEGIN"
        " FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname LIKE 'lapinq%' LOOP"
        "   EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name); END LOOP; END $$"
    )


async def plan(conn: Conn, verb: str, params: dict[str, Any]) -> Plan:
    """The plan of the statement `verb`, in a transaction that is rolled back."""
    statement = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + text_of(verb)
    async with conn.transaction(force_rollback=True):
        return (await one_row(conn, statement, params))[0][0]["Plan"]


async def prepared_plan(conn: Conn, statement: str, params: dict[str, Any], *, executed: int = 0) -> Plan:
    """The plan of a prepared statement that was `executed` before: after five times it may be the same for all values.

    Runs in the caller's transaction, and changes what the statement changes.
    """
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    execute = psql.SQL("EXECUTE planned")
    if names:
        values = psql.SQL(", ").join(psql.Literal(params[name]) for name in names)
        execute = psql.SQL("EXECUTE planned ({})").format(values)
    await conn.execute(b"PREPARE planned AS " + numbered.replace("%%", "%").encode())
    try:
        for _ in range(executed):
            await conn.execute(psql.SQL("EXPLAIN {}").format(execute))
        explained = psql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {}").format(execute)
        return (await one_row(conn, explained))[0][0]["Plan"]
    finally:
        await conn.execute("DEALLOCATE planned")


def nodes(plan: Plan) -> list[Plan]:
    """The node and all below it."""
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def touched(plan: Plan) -> float:
    """How many rows the scans of tables gave or threw away."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node and node["Node Type"].endswith("Scan")
    )


def blocks(plan: Plan) -> int:
    """How many pages a statement looked at, some more than once. See `LOOKS` where it calls a function."""
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


async def least_blocks(conn: Conn, verb: str, params: dict[str, Any]) -> int:
    """The pages that the statement `verb` looks at in a session that has executed it before."""
    return min([blocks(await plan(conn, verb, params)) for _ in range(LOOKS)])


def scanned_whole(plan: Plan) -> list[str]:
    """The tables that were read from end to end."""
    return [
        node["Relation Name"]
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"]
    ]


def whole_scans(plan: Plan) -> list[str]:
    """The tables that were read from end to end, and had something in them."""
    return [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan" and blocks(node)]
