"""Users, sessions, API keys, the audit log, idempotency keys, webhooks.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0003_access.sql")


def downgrade() -> None:
    op.execute(
        """
        ALTER TABLE lapinq_queues DROP COLUMN paused_by, DROP COLUMN pause_reason;
        ALTER TABLE lapinq_running DROP COLUMN has_webhook;
        DROP FUNCTION lapinq_webhook_of(uuid);
        DROP TABLE lapinq_webhooks;
        DROP TABLE lapinq_idempotency_keys;
        DROP TABLE lapinq_audit;
        DROP TABLE lapinq_api_keys;
        DROP TABLE lapinq_login_tries;
        DROP TABLE lapinq_sessions;
        DROP TABLE lapinq_users;
        """
    )
