"""The id of the request that enqueued a task.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0006_request_id.sql")


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW lapinq_task_details;
        ALTER TABLE lapinq_tasks DROP COLUMN request_id;
        ALTER TABLE lapinq_transient DROP COLUMN request_id;
        """
    )
    run_script("0002_task_details.sql")
