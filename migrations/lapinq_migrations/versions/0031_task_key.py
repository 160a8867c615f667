"""What enqueues a task, shows it or schedules it knows its key and the named limits it takes from.

Revision ID: 0031 Revises: 0029
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_schedules ADD COLUMN key text, ADD COLUMN limits jsonb")
    run_script("task_key/lapinq_task_details.sql")
    run_script("task_key/lapinq_enqueue.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_enqueue(jsonb)")
    run_script("enqueue_function/lapinq_enqueue.sql")
    run_script("task_key/former_task_details.sql")
    op.execute("ALTER TABLE lapinq_schedules DROP COLUMN key, DROP COLUMN limits")
