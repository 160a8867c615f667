"""A task knows its key, and the named limits it takes from.

Revision ID: 0025 Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_tasks ADD COLUMN key text, ADD COLUMN limits jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_tasks DROP COLUMN key, DROP COLUMN limits")
