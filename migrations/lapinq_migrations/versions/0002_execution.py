"""Time limits of tasks, cancelling what runs, logs and progress of attempts, isolation, paused queues.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0002_execution.sql")
    run_script("0002_task_details.sql")


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW lapinq_task_details;
        ALTER TABLE lapinq_tasks DROP COLUMN timeout_seconds;
        ALTER TABLE lapinq_transient DROP COLUMN timeout_seconds;
        ALTER TABLE lapinq_ready DROP COLUMN isolation;
        ALTER TABLE lapinq_delayed DROP COLUMN isolation;
        DROP INDEX lapinq_running_cancel_requested;
        ALTER TABLE lapinq_running DROP COLUMN isolation;
        ALTER TABLE lapinq_attempts DROP COLUMN logs, DROP COLUMN progress, DROP COLUMN progress_message;
        DROP TABLE lapinq_queues;
        """
    )
    run_script("0001_task_details.sql")
