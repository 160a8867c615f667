"""A private database has this week's partitions, also in a run that began before Monday."""

import psycopg
from psycopg import sql

from lapinq_core.db.moved_clock import move_clock
from lapinq_core.db.private_databases import new_database
from tests.support.database import postgres
from tests.support.rows.weeks import monday

WEEK_SECONDS = 7 * 86_400.0


def partitions(conn: psycopg.Connection) -> list[str]:
    cursor = conn.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent IN ('lapinq_tasks'::regclass, 'lapinq_attempts'::regclass) ORDER BY 1"
    )
    return [row[0] for row in cursor.fetchall()]


def set_back_a_week(url: str) -> None:
    """The partitions become those of a database that was migrated last week."""
    move_clock(url, -WEEK_SECONDS)
    with psycopg.connect(url) as conn:
        for name in partitions(conn):
            if not name.endswith("_default"):
                conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        conn.execute("SELECT lapinq_ensure_partitions(2)")
    move_clock(url, 0)


def test_a_copy_of_last_weeks_template_is_as_if_migrated_now(
    postgres_url: str, template_database: str, database: str
) -> None:
    with psycopg.connect(database) as conn:
        expected = partitions(conn)
    old = postgres.name_of_template(monday(1))
    with new_database(postgres_url, old, template_database) as url:
        set_back_a_week(url)
        with psycopg.connect(url) as conn:
            assert partitions(conn) != expected
        with postgres.private_database(postgres_url, old) as copy, psycopg.connect(copy) as conn:
            assert partitions(conn) == expected
