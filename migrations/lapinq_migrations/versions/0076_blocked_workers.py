"""Workers report how long their event loop has been blocked.

Revision ID: 0076 Revises: 0073
"""

from alembic import op

revision = "0076"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers ADD COLUMN blocked_seconds double precision")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers DROP COLUMN blocked_seconds")
