"""Errors are grouped by type and place instead of by message; groups can be merged.

Revision ID: 0069 Revises: 0068
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("error_shapes/tables.sql")
    run_script("error_shapes/functions.sql")


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION lapinq_error_group(text, text, text, text),"
        " lapinq_find_error_group(bytea, bytea), lapinq_error_place(text)"
    )
    op.execute("DROP TABLE lapinq_error_merges")
    op.execute("DROP INDEX lapinq_error_groups_task")
    op.execute("ALTER TABLE lapinq_error_groups DROP COLUMN samples, DROP COLUMN place")
