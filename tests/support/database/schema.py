"""The schema of a database as text, the same from every version of PostgreSQL; `docs/schema.sql` is made of it.

Weekly partitions are left out, because they come and go. `python -m tests.support.database.schema` prints the text for
this release.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import LiteralString

import psycopg

from lapinq_core.db.migrate import migrate
from tests.support.database import postgres

COMMITTED = Path(__file__).parents[3] / "docs" / "schema.sql"

HEADER = """\
-- The schema as `lapinq migrate` leaves it, for review and without the weekly partitions.
-- Made by `scripts/schema`, compared by a test. What each table is for is written in docs/architecture.md.
"""


def dump(connection: psycopg.Connection) -> str:
    """Functions, sequences, tables with their constraints and indexes, triggers, and views, each in order of name."""

    def found(statement: LiteralString) -> list[tuple[str, ...]]:
        return connection.execute(statement).fetchall()

    parts = [
        *(f"{_clean(text)};" for (text,) in found(_FUNCTIONS)),
        *(f"CREATE SEQUENCE {name} {details};" for name, details in found(_SEQUENCES)),
        *_tables(connection),
        *(_clean(text) for (text,) in found(_TRIGGERS)),
        *(_clean(f"CREATE VIEW {name} AS\n{_unqualified(text)}") for name, text in found(_VIEWS)),
    ]
    return "\n\n".join([HEADER.rstrip(), *parts]) + "\n"


def _tables(connection: psycopg.Connection) -> Generator[str]:
    tables = connection.execute(_TABLES).fetchall()
    oids = [oid for oid, _, _, parent, *_ in tables if not parent]
    columns, constraints, indexes = (
        _lines(connection, statement, oids) for statement in (_COLUMNS, _CONSTRAINTS, _INDEXES)
    )
    for oid, name, kind, parent, bound, key, options in tables:
        if parent:
            yield f"CREATE TABLE {name} PARTITION OF {parent} {bound};"
            continue
        width = max(len(column) for column, _ in columns[oid])
        lines = [f"    {column:<{width}} {details}" for column, details in columns[oid]]
        lines += [f"    CONSTRAINT {line}" for (line,) in constraints[oid]]
        tail = (f" PARTITION BY {key}" if key else "") + (f" WITH ({options})" if options else "")
        after = [line for (line,) in indexes[oid]]
        yield _clean("\n".join([f"CREATE {kind} {name} (", ",\n".join(lines), f"){tail};", *after]))


def _lines(
    connection: psycopg.Connection, statement: LiteralString, oids: list[int]
) -> defaultdict[int, list[tuple[str, ...]]]:
    """What a statement finds for these tables, by table: one question for all of them."""
    found = defaultdict[int, list[tuple[str, ...]]](list)
    for oid, *line in connection.execute(statement, [oids]).fetchall():
        found[oid].append(tuple(line))
    return found


def _unqualified(view: str) -> str:
    """Before version 16, PostgreSQL names the table of a column even if a view has only one."""
    return re.sub(r"\blapinq_\w+\.", "", view)


def _clean(text: str) -> str:
    """Without what says the same of every object, or differs among versions."""
    text = text.replace("public.", "").replace(" ON ONLY ", " ON ")
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip()


_FUNCTIONS = """
SELECT pg_get_functiondef(p.oid)
  FROM pg_proc p
 WHERE p.pronamespace = 'public'::regnamespace
 ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)
"""

_SEQUENCES = """
SELECT c.relname,
       format('AS %s START %s INCREMENT %s CACHE %s%s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
              s.seqcache, ' OWNED BY ' || t.relname || '.' || a.attname)
  FROM pg_sequence s
  JOIN pg_class c ON c.oid = s.seqrelid
  LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refobjsubid > 0
  LEFT JOIN pg_class t ON t.oid = d.refobjid
  LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE c.relnamespace = 'public'::regnamespace
   AND coalesce(a.attidentity, '') = ''
 ORDER BY c.relname
"""

_TABLES = """
SELECT c.oid,
       c.relname,
       CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED TABLE' ELSE 'TABLE' END,
       p.relname,
       pg_get_expr(c.relpartbound, c.oid),
       pg_get_partkeydef(c.oid),
       array_to_string(c.reloptions, ', ')
  FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  LEFT JOIN pg_class p ON p.oid = i.inhparent
 WHERE c.relnamespace = 'public'::regnamespace
   AND c.relkind IN ('r', 'p')
   AND (NOT c.relispartition OR pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
 ORDER BY c.relname
"""

_COLUMNS = """
SELECT a.attrelid,
       a.attname,
       format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attcollation = '"C"'::regcollation THEN ' COLLATE "C"' ELSE '' END
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY (CACHE ' || s.seqcache || ')' ELSE '' END
       || coalesce(CASE a.attgenerated WHEN 's' THEN ' GENERATED ALWAYS AS STORED ' ELSE ' DEFAULT ' END
                   || pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_sequence s ON a.attidentity <> ''
                         AND s.seqrelid = pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass
 WHERE a.attrelid = ANY(%s)
   AND a.attnum > 0
   AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""

# Since 18 a NOT NULL is a constraint with a name too; the columns tell of it..
_CONSTRAINTS = """
SELECT conrelid, conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint
 WHERE conrelid = ANY(%s)
   AND contype NOT IN ('n', 't')
 ORDER BY conrelid, conname
"""

_INDEXES = """
SELECT i.indrelid, pg_get_indexdef(i.indexrelid) || ';'
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = ANY(%s)
   AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid)
 ORDER BY i.indrelid, c.relname
"""

_TRIGGERS = """
SELECT pg_get_triggerdef(t.oid) || ';'
       || CASE WHEN t.tgenabled = 'A'
               THEN format(E'\nALTER TABLE %s ENABLE ALWAYS TRIGGER %s;', c.relname, t.tgname) ELSE '' END
  FROM pg_trigger t
  JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'public'::regnamespace
   AND NOT t.tgisinternal
   AND (NOT c.relispartition OR pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
 ORDER BY c.relname, t.tgname
"""

_VIEWS = """
SELECT relname, pg_get_viewdef(oid)
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace
   AND relkind = 'v'
 ORDER BY relname
"""


def main() -> None:
    """Prints the schema that the migrations of this release make."""
    with postgres.server() as server_url, postgres.private_database(server_url) as url:
        migrate(url)
        with psycopg.connect(url) as connection:
            sys.stdout.write(dump(connection))


if __name__ == "__main__":
    main()
