"""A worker says which release of the application it runs.

Revision ID: 0017 Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers ADD COLUMN release text")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers DROP COLUMN release")
