"""A user may be limited to the queues that they may read.

Revision ID: 0062 Revises: 0061
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_users"
        " ADD COLUMN reads text[],"
        " ADD CONSTRAINT lapinq_users_reads_check CHECK (cardinality(reads) > 0)"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_users DROP COLUMN reads")
