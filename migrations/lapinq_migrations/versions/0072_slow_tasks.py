"""The slowest tasks among the figures of a task name, and how to read those of all names.

Revision ID: 0072 Revises: 0071
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_task_rollups"
        " ADD COLUMN slow_ids uuid[] NOT NULL DEFAULT '{}',"
        " ADD COLUMN slow_seconds double precision[] NOT NULL DEFAULT '{}'"
    )
    run_script("slow_tasks/lapinq_task_spans_1.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_task_spans_1")
    op.execute("ALTER TABLE lapinq_task_rollups DROP COLUMN slow_ids, DROP COLUMN slow_seconds")
