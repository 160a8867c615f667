"""Claims of lanes begin where the last one ended, and write less for each start.

Revision ID: 0057 Revises: 0056
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

REPLACED = ("lapinq_lock_limits_1",)
FUNCTIONS = (
    "lapinq_places_reserved",
    "lapinq_limits_without_room_2",
    "lapinq_reserve_2",
    "lapinq_charge_keys_2",
    "lapinq_advance_lanes_2",
    "lapinq_take_in_news_2",
    "lapinq_pick_unlaned_2",
    "lapinq_window_2",
    "lapinq_claim_governed_2",
)


def upgrade() -> None:
    run_script("lane_marks/lapinq_pick_2.sql")
    for name in FUNCTIONS:
        run_script(f"lane_marks/{name}.sql")
    for name in REPLACED:
        run_script(f"lane_marks/{name}.sql")


def downgrade() -> None:
    for name in REPLACED:
        op.execute(f"DROP FUNCTION {name}")
        run_script(f"governed_claims/{name}.sql")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP TYPE lapinq_pick_2")
