"""The policy of a queue, its lanes, and named limits.

Revision ID: 0024 Revises: 0023
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("limits/policies.sql")
    run_script("limits/lanes.sql")
    run_script("limits/named_limits.sql")


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION lapinq_lane(text, jsonb), lapinq_units(jsonb), lapinq_rank(integer, text), lapinq_new_id()"
    )
    op.execute("DROP TABLE lapinq_limit_news, lapinq_limits, lapinq_lane_news, lapinq_keys, lapinq_lanes")
    op.execute("DROP FUNCTION lapinq_tokens, lapinq_refilled_at")
    op.execute(
        "ALTER TABLE lapinq_queues DROP COLUMN max_running_per_key, DROP COLUMN rate, DROP COLUMN rate_per_key,"
        " DROP COLUMN start_order, DROP COLUMN weights, DROP COLUMN is_laned, DROP COLUMN tokens,"
        " DROP COLUMN tokens_at, DROP COLUMN virtual_time, DROP COLUMN unkeyed_time, DROP COLUMN governed_xid,"
        " DROP COLUMN governed_at"
    )
