"""Named limits, policies of queues and circuit breakers of task names remember the module that declares them.

Revision ID: 0060 Revises: 0059
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_limits ADD COLUMN source text")
    op.execute("ALTER TABLE lapinq_queues ADD COLUMN policy_source text")
    op.execute("ALTER TABLE lapinq_task_breakers ADD COLUMN source text")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_limits DROP COLUMN source")
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN policy_source")
    op.execute("ALTER TABLE lapinq_task_breakers DROP COLUMN source")
