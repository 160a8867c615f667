"""Errors are grouped and counted, and keep their history when tasks are requeued or deleted.

Revision ID: 0018 Revises: 0017
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("dashboard/error_groups.sql")
    run_script("dashboard/failures_so_far.sql")


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_error_counts, lapinq_error_groups")
