"""Statistics over time for each task name of a queue.

Revision ID: 0021 Revises: 0020
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("dashboard/task_rollups.sql")


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_task_rollups")
