"""Statistics over time count retries.

Revision ID: 0010 Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_rollups ADD COLUMN retried bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_rollups DROP COLUMN retried")
