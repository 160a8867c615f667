"""A task knows which one it repeats, and whether its attempts are profiled.

Revision ID: 0016 Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_tasks ADD COLUMN rerun_of uuid, ADD COLUMN profile boolean")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_tasks DROP COLUMN rerun_of, DROP COLUMN profile")
