"""Schedules, their ticks, and the run that others may not overlap.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0005_schedules.sql")


def downgrade() -> None:
    op.execute(
        """
        DROP TABLE lapinq_schedule_slots;
        DROP TABLE lapinq_ticks;
        DROP TABLE lapinq_schedules;
        """
    )
