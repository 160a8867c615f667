"""One function claims from queues that a policy governs, instead of four statements.

Revision ID: 0056 Revises: 0055
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "lapinq_is_past_1",
    "lapinq_start_1",
    "lapinq_head_of_key_1",
    "lapinq_look_at_lanes_1",
    "lapinq_advance_lanes_1",
    "lapinq_take_in_news_1",
    "lapinq_lock_limits_1",
    "lapinq_is_too_large_1",
    "lapinq_reserve_1",
    "lapinq_limits_without_room_1",
    "lapinq_next_sets_1",
    "lapinq_window_1",
    "lapinq_claim_governed_1",
)


def upgrade() -> None:
    run_script("governed_claims/columns.sql")
    for name in FUNCTIONS:
        run_script(f"governed_claims/{name}.sql")


def downgrade() -> None:
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN fence")
    op.execute(
        "ALTER TABLE lapinq_limits DROP COLUMN fence, DROP COLUMN reserved_by, DROP COLUMN reserved_units,"
        " DROP COLUMN reserved_until"
    )
