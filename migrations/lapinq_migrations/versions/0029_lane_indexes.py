"""Finds the tasks of a lane, and what runs of a key and of a named limit.

Revision ID: 0029 Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_INDEXES = {
    "lapinq_ready_lane": "lapinq_ready (queue_name, lane, rank, seq) WHERE lane IS NOT NULL",
    "lapinq_ready_lost": "lapinq_ready (queue_name) WHERE lane IS NULL AND rank > 1099511627776",
    "lapinq_running_key": "lapinq_running (queue_name, split_part(lane, chr(31), 1)) WHERE lane IS NOT NULL",
    "lapinq_running_units": "lapinq_running (id) WHERE units IS NOT NULL",
}


def upgrade() -> None:
    # Each commits what comes before: after an interrupted build, which leaves an invalid index behind, the migration
    # begins here again.
    with op.get_context().autocommit_block():
        for name, columns in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
