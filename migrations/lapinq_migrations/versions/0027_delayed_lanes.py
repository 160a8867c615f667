"""A task's lane and units, while it is delayed.

Revision ID: 0027 Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('ALTER TABLE lapinq_delayed ADD COLUMN lane text COLLATE "C", ADD COLUMN units bigint[]')


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_delayed DROP COLUMN lane, DROP COLUMN units")
