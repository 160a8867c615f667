"""A task's lane and units, while it is ready.

Revision ID: 0026 Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('ALTER TABLE lapinq_ready ADD COLUMN lane text COLLATE "C", ADD COLUMN units bigint[]')


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_ready DROP COLUMN lane, DROP COLUMN units")
