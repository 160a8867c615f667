"""Weeks of partitions are counted in UTC, whatever the time zone of the session.

Revision ID: 0051 Revises: 0050
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER FUNCTION lapinq_ensure_partitions(integer, boolean) SET timezone = 'UTC'")


def downgrade() -> None:
    op.execute("ALTER FUNCTION lapinq_ensure_partitions(integer, boolean) RESET timezone")
