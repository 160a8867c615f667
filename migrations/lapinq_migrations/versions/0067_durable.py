"""Durable tasks: steps, waits and signals.

Revision ID: 0067 Revises: 0066
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

_SCRIPTS = (
    "tables",
    "lapinq_until_woken",
    "lapinq_child_outcome_1",
    "lapinq_hold_child_1",
    "lapinq_wait_1",
    "lapinq_waits_1",
    "lapinq_wake_1",
    "lapinq_suspend_1",
    "lapinq_signal_1",
    "lapinq_signal",
    "lapinq_tell_waiters",
)


def upgrade() -> None:
    for script in _SCRIPTS:
        run_script(f"durable/{script}.sql")


def downgrade() -> None:
    """Suspended tasks become ready: they run from their beginning."""
    op.execute("DROP FUNCTION lapinq_tell_suspended, lapinq_tell_signalled, lapinq_check_step CASCADE")
    run_script("durable/lapinq_tell_workflows_before.sql")
    op.execute(
        "UPDATE lapinq_delayed SET due_at = lapinq_now()"
        " WHERE due_at >= lapinq_until_woken() AND due_at < lapinq_never()"
    )
    op.execute(
        "DROP FUNCTION lapinq_signal, lapinq_signal_1, lapinq_suspend_1, lapinq_wake_1, lapinq_waits_1, lapinq_wait_1,"
        " lapinq_hold_child_1, lapinq_child_outcome_1, lapinq_until_woken"
    )
    op.execute("DROP TABLE lapinq_steps")
    op.execute("DROP SEQUENCE lapinq_signal_seq")
