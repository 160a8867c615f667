"""Finds the tasks that wait for the circuit breaker of their name.

Revision ID: 0041 Revises: 0040
"""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It commits what comes before: after an interrupted build, which leaves an invalid index behind, the migration
    # begins here again.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS lapinq_delayed_parked")
        op.execute(
            "CREATE INDEX CONCURRENTLY lapinq_delayed_parked ON lapinq_delayed"
            " (parked_for, queue_name, rank, parked_seq) WHERE parked_for IS NOT NULL"
        )


def downgrade() -> None:
    op.execute("DROP INDEX lapinq_delayed_parked")
