"""One function stores new tasks for all who enqueue; `lapinq_enqueue` checks a task and calls it.

Revision ID: 0055 Revises: 0054
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("store_tasks/lapinq_store_tasks.sql")
    run_script("store_tasks/lapinq_enqueue.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_enqueue(jsonb)")
    run_script("unique_keys/lapinq_enqueue.sql")
    op.execute("DROP FUNCTION lapinq_store_tasks(json)")
