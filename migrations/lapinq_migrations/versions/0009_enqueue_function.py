"""Programs in any language enqueue with `SELECT lapinq_enqueue(...)`, in their own transaction.

Revision ID: 0009 Revises: 0008
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("enqueue_function/lapinq_enqueue.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_enqueue(jsonb)")
