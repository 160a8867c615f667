"""Rules say who is notified of what, and an outbox holds the notices.

Revision ID: 0019 Revises: 0018
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("dashboard/notifications.sql")


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_notify_conditions, lapinq_notices, lapinq_notify_rules")
