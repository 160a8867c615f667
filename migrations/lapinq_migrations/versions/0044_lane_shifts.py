"""Lanes that a named limit held back have no credit in fair order.

Revision ID: 0044 Revises: 0043
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("limits/lane_shifts.sql")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN lane_shifts")
