"""A task name may have a circuit breaker.

Revision ID: 0040 Revises: 0038
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0040"
down_revision = "0038"
branch_labels = None
depends_on = None

_RELEASE_PARKED = """
WITH parked AS (
    DELETE FROM lapinq_delayed WHERE parked_for IS NOT NULL
    RETURNING queue_name, rank, parked_seq, id, starts, expires_at, isolation, lane, units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, lane, units)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, parked_seq, id, starts, expires_at, isolation, lane, units
      FROM parked
)
INSERT INTO lapinq_lane_news (queue_name, lanes)
SELECT queue_name, array_agg(DISTINCT lane)
  FROM parked
 WHERE lane IS NOT NULL
 GROUP BY queue_name
"""

# A task that is parked becomes ready when it is replaced, for it may have another name then.
_DUE, _DUE_UNLESS_PARKED = (
    "d.lane, d.due_at",
    "d.lane, CASE WHEN d.parked_for IS NULL THEN d.due_at END AS due_at",
)


def upgrade() -> None:
    run_script("limits/task_breakers.sql")
    run_script("limits/lapinq_task_details.sql")
    _change_replace_waiting(_DUE, _DUE_UNLESS_PARKED)


def downgrade() -> None:
    op.execute(_RELEASE_PARKED)
    _change_replace_waiting(_DUE_UNLESS_PARKED, _DUE)
    run_script("task_key/lapinq_task_details.sql")
    op.execute("ALTER TABLE lapinq_delayed DROP COLUMN parked_for, DROP COLUMN parked_seq")
    op.execute("DROP TABLE lapinq_task_breaker_counts, lapinq_task_breaker_starts, lapinq_task_breakers")


def _change_replace_waiting(old: str, new: str) -> None:
    function = "pg_get_functiondef('lapinq_replace_waiting(uuid, json, timestamptz)'::regprocedure)"
    op.execute(f"DO $do$ BEGIN EXECUTE replace({function}, '{old}', '{new}'); END $do$")
