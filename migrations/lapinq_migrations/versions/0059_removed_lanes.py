"""Says of which lanes claims have to hear when tasks are removed.

Revision ID: 0059 Revises: 0058
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("removed_lanes/lapinq_removed_lanes_1.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_removed_lanes_1")
