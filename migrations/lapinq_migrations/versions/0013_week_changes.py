"""A week can be watched: a sequence tells whether its tasks and attempts have changed.

Revision ID: 0013 Revises: 0012
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("week_changes/lapinq_note_change.sql")
    run_script("week_changes/lapinq_lock_week.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_lock_week(text)")
    op.execute("DROP FUNCTION lapinq_note_change() CASCADE")
