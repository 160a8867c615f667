"""Circuit breakers remember where the attempts begin whose ends they have not counted.

Revision ID: 0047 Revises: 0044
"""

from alembic import op

revision = "0047"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_breakers ADD COLUMN first_seq bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE lapinq_task_breakers ADD COLUMN first_seq bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_task_breakers DROP COLUMN first_seq")
    op.execute("ALTER TABLE lapinq_breakers DROP COLUMN first_seq")
