"""Links by which people without an account decide what a task waits for, and notifications of such waits.

Revision ID: 0068 Revises: 0067
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

_EVENTS = "'error.new', 'error.regressed', 'backlog', 'worker.dead', 'breaker'"


def upgrade() -> None:
    run_script("links/tables.sql")
    _let_rules_ask_for(f"{_EVENTS}, 'wait'")


def downgrade() -> None:
    op.execute("DELETE FROM lapinq_notify_rules WHERE 'wait' = ANY (events)")
    _let_rules_ask_for(_EVENTS)
    op.execute("DROP TABLE lapinq_links, lapinq_decisions")


def _let_rules_ask_for(events: str) -> None:
    op.execute(
        "ALTER TABLE lapinq_notify_rules DROP CONSTRAINT lapinq_notify_rules_events_check,"
        " ADD CONSTRAINT lapinq_notify_rules_events_check"
        f" CHECK (events <> '{{}}' AND events <@ ARRAY[{events}])"
    )
