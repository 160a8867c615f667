"""Finds the ready tasks that wait for named limits.

Revision ID: 0037 Revises: 0036
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It commits what comes before: after an interrupted build, which leaves an invalid index behind, the migration
    # begins here again.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS lapinq_ready_units")
        op.execute(
            "CREATE INDEX CONCURRENTLY lapinq_ready_units ON lapinq_ready"
            " (split_part(lane, chr(31), 2), queue_name, rank, seq) WHERE units IS NOT NULL"
        )


def downgrade() -> None:
    op.execute("DROP INDEX lapinq_ready_units")
