"""How many tasks of a queue may run at the same time. Workers of the previous release don't know it, and ignore it.

Revision ID: 0011 Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_queues ADD COLUMN max_running integer")
    op.execute(
        "ALTER TABLE lapinq_queues ADD CONSTRAINT lapinq_queues_max_running_check CHECK (max_running >= 1)"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN max_running")
