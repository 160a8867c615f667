"""A queue may have a circuit breaker.

Revision ID: 0033 Revises: 0031
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None

_GOVERNED = (
    "is_laned OR num_nonnulls(max_running, max_running_per_key, rate, rate_per_key) > 0"
    " OR start_order <> 'priority'"
)
_EVENTS = "'error.new', 'error.regressed', 'backlog', 'worker.dead'"


def upgrade() -> None:
    run_script("limits/breakers.sql")
    _govern(f"{_GOVERNED} OR has_breaker")
    _let_rules_ask_for(f"{_EVENTS}, 'breaker'")


def downgrade() -> None:
    op.execute("DELETE FROM lapinq_notify_rules WHERE 'breaker' = ANY (events)")
    _let_rules_ask_for(_EVENTS)
    _govern(_GOVERNED)
    op.execute("ALTER TABLE lapinq_queues DROP COLUMN has_breaker")
    op.execute("DROP TABLE lapinq_breaker_counts, lapinq_breaker_starts, lapinq_breakers")


def _govern(condition: str) -> None:
    op.execute(
        "ALTER TABLE lapinq_queues DROP COLUMN is_governed,"
        f" ADD COLUMN is_governed boolean NOT NULL GENERATED ALWAYS AS ({condition}) STORED"
    )


def _let_rules_ask_for(events: str) -> None:
    op.execute(
        "ALTER TABLE lapinq_notify_rules DROP CONSTRAINT lapinq_notify_rules_events_check,"
        " ADD CONSTRAINT lapinq_notify_rules_events_check"
        f" CHECK (events <> '{{}}' AND events <@ ARRAY[{events}])"
    )
