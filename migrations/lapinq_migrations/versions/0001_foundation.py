"""The tables that carry a task from enqueue to its end.

Revision ID: 0001
Revises:
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0001_foundation.sql")


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW lapinq_task_details;
        DROP TABLE lapinq_tasks, lapinq_ready, lapinq_delayed, lapinq_running, lapinq_attempts,
                   lapinq_transient, lapinq_counts, lapinq_workers;
        DROP FUNCTION lapinq_ensure_partitions(integer), lapinq_now();
        """
    )
