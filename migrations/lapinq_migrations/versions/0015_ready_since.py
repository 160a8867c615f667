"""A ready task knows since when it waits, if that is not when it was enqueued or due: it was requeued, or run now.

Revision ID: 0015 Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_ready ADD COLUMN since timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_ready DROP COLUMN since")
