"""A worker says which time limit it gives tasks that set none.

Revision ID: 0023 Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers ADD COLUMN timeout_seconds double precision")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers DROP COLUMN timeout_seconds")
