"""A task's lane and units, while it is running.

Revision ID: 0028 Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('ALTER TABLE lapinq_running ADD COLUMN lane text COLLATE "C", ADD COLUMN units bigint[]')


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_running DROP COLUMN lane, DROP COLUMN units")
