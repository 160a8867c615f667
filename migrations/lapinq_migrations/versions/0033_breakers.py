"""A queue may have a circuit breaker.

Revision ID: 0033 Revises: 0031
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None

_EVENTS = "'error.new', 'error.regressed', 'backlog', 'worker.dead'"


def upgrade() -> None:
    run_script("limits/breakers.sql")
    # Databases of a development version have it, generated.
    op.execute(
        "ALTER TABLE lapinq_queues DROP COLUMN IF EXISTS is_governed,"
        " ADD COLUMN is_governed boolean NOT NULL DEFAULT false"
    )
    run_script("limits/governed.sql")
    op.execute("UPDATE lapinq_queues SET is_governed = true")  # the trigger decides
    _let_rules_ask_for(f"{_EVENTS}, 'breaker'")


def downgrade() -> None:
    op.execute("DELETE FROM lapinq_notify_rules WHERE 'breaker' = ANY (events)")
    _let_rules_ask_for(_EVENTS)
    op.execute("DROP TRIGGER lapinq_governed ON lapinq_queues")
    op.execute("DROP FUNCTION lapinq_note_governed()")
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN is_governed, DROP COLUMN has_breaker")
    op.execute("DROP TABLE lapinq_breaker_counts, lapinq_breaker_starts, lapinq_breakers")


def _let_rules_ask_for(events: str) -> None:
    op.execute(
        "ALTER TABLE lapinq_notify_rules DROP CONSTRAINT lapinq_notify_rules_events_check,"
        " ADD CONSTRAINT lapinq_notify_rules_events_check"
        f" CHECK (events <> '{{}}' AND events <@ ARRAY[{events}])"
    )
