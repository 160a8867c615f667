"""Figures over time, and what may be asked of a worker.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0004_dashboard.sql")


def downgrade() -> None:
    op.execute(
        """
        ALTER TABLE lapinq_running DROP COLUMN logs;
        ALTER TABLE lapinq_workers DROP COLUMN memory_bytes, DROP COLUMN running, DROP COLUMN rate,
            DROP COLUMN is_quiet, DROP COLUMN asked_to, DROP COLUMN asked_by, DROP COLUMN asked_at;
        DROP TABLE lapinq_rollups;
        """
    )
