"""Finds the parked tasks that are due soon.

Revision ID: 0054 Revises: 0053
"""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It commits what comes before: after an interrupted build, which leaves an invalid index behind, the migration
    # begins here again.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS lapinq_delayed_parked_due")
        op.execute(
            "CREATE INDEX CONCURRENTLY lapinq_delayed_parked_due ON lapinq_delayed (due_at)"
            " WHERE parked_for IS NOT NULL"
        )


def downgrade() -> None:
    op.execute("DROP INDEX lapinq_delayed_parked_due")
