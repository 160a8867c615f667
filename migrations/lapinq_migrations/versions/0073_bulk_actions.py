"""Bulk actions: changes to many tasks that go on after their request was answered.

Revision ID: 0073 Revises: 0072
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("bulk_actions/tables.sql")


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_bulk_actions")
