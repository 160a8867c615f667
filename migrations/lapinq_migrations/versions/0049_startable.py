"""How many tasks of a queue may start, for scaling and alerts.

Revision ID: 0049 Revises: 0048
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("limits/startable.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_startable(text)")
