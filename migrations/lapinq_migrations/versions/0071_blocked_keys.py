"""Finds the blocked keys of a queue from what blocks them, and notifies of keys that stay blocked.

Revision ID: 0071 Revises: 0069
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0071"
down_revision = "0069"
branch_labels = None
depends_on = None

_EVENTS = "'error.new', 'error.regressed', 'backlog', 'worker.dead', 'breaker', 'wait'"


def upgrade() -> None:
    # It commits what comes before: after an interrupted build, which leaves an invalid index behind, the migration
    # begins here again.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS lapinq_delayed_keys")
        op.execute(
            "CREATE INDEX CONCURRENTLY lapinq_delayed_keys ON lapinq_delayed (queue_name, least(starts, 1), id)"
            " WHERE lane IS NOT NULL"
        )
    run_script("blocked_keys/lapinq_blocked_keys_1.sql")
    run_script("blocked_keys/lapinq_stuck_keys_1.sql")
    _let_rules_ask_for(f"{_EVENTS}, 'blocked'")


def downgrade() -> None:
    # A rule goes on for its other events. The release before can't read a notice of this one.
    op.execute("DELETE FROM lapinq_notify_rules WHERE events = '{blocked}'")
    op.execute(
        "UPDATE lapinq_notify_rules SET events = array_remove(events, 'blocked') WHERE 'blocked' = ANY (events)"
    )
    op.execute("DELETE FROM lapinq_notices WHERE event = 'blocked'")
    op.execute("DELETE FROM lapinq_notify_conditions WHERE event = 'blocked'")
    _let_rules_ask_for(_EVENTS)
    op.execute("DROP FUNCTION lapinq_stuck_keys_1, lapinq_blocked_keys_1")
    op.execute("DROP INDEX lapinq_delayed_keys")


def _let_rules_ask_for(events: str) -> None:
    op.execute(
        "ALTER TABLE lapinq_notify_rules DROP CONSTRAINT lapinq_notify_rules_events_check,"
        " ADD CONSTRAINT lapinq_notify_rules_events_check"
        f" CHECK (events <> '{{}}' AND events <@ ARRAY[{events}])"
    )
