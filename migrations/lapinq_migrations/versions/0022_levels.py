"""Ready and running tasks over time, and an index for the figures of one queue.

Revision ID: 0022 Revises: 0021
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # First, because it commits what comes before: after an interrupted build, which leaves an invalid index behind, the
    # migration begins here again.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS lapinq_rollups_queue")
        op.execute(
            "CREATE INDEX CONCURRENTLY lapinq_rollups_queue ON lapinq_rollups (span, queue_name, since)"
        )
    run_script("dashboard/levels.sql")


def downgrade() -> None:
    op.execute("DROP INDEX lapinq_rollups_queue")
    op.execute("DROP TABLE lapinq_levels")
