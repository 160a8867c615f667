"""Weeks whose tasks are many and stand in the default partition are left there.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0008_bounded_partitions.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_ensure_partitions(integer, boolean)")
    run_script("0001_ensure_partitions.sql")
