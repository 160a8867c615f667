"""An attempt knows when and by whom its task was requeued, and keeps a profile. The previous release writes neither.

Each revision changes one table that claims and results need, so that a migration never holds one while it waits for
another.

Revision ID: 0014 Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_attempts ADD COLUMN requeued_at timestamptz, ADD COLUMN requeued_by text,"
        " ADD COLUMN profile bytea"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_attempts DROP COLUMN requeued_at, DROP COLUMN requeued_by, DROP COLUMN profile"
    )
