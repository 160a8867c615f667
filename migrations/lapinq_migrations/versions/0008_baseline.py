"""The schema that every database starts from. It replaces the revisions 0001 to 0008 from before the first release.

Revision ID: 0008 Revises:
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0008"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for subject in ("tasks", "partitions", "queues", "workers", "people", "webhooks", "schedules"):
        run_script(f"baseline/{subject}.sql")


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW lapinq_task_details;
        DROP TABLE lapinq_tasks, lapinq_ready, lapinq_delayed, lapinq_running, lapinq_attempts, lapinq_transient,
                   lapinq_idempotency_keys, lapinq_workers, lapinq_queues, lapinq_counts, lapinq_rollups,
                   lapinq_users, lapinq_sessions, lapinq_login_tries, lapinq_api_keys, lapinq_audit,
                   lapinq_webhooks, lapinq_schedules, lapinq_ticks, lapinq_schedule_slots;
        DROP FUNCTION lapinq_ensure_partitions(integer), lapinq_ensure_partitions(integer, boolean),
                      lapinq_webhook_of(uuid), lapinq_now();
        """
    )
