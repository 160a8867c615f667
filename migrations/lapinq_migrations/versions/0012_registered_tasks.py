"""Workers say which tasks they have found in their modules.

Revision ID: 0012 Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers ADD COLUMN registered jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers DROP COLUMN registered")
