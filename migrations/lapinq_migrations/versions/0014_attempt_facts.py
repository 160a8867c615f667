"""An attempt knows when and by whom its task was requeued, and keeps a profile. The previous release writes neither.
Of those that were released, the newest hundred are kept.

Each revision changes one table that claims and results need, so that a migration never holds one while it waits for
another.

Revision ID: 0014 Revises: 0013
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_attempts ADD COLUMN requeued_at timestamptz, ADD COLUMN requeued_by text,"
        " ADD COLUMN profile bytea,"
        " ADD COLUMN left_out integer"
    )
    run_script("attempt_facts/lapinq_keep_released.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_keep_released CASCADE")
    op.execute(
        "ALTER TABLE lapinq_attempts DROP COLUMN requeued_at, DROP COLUMN requeued_by, DROP COLUMN profile,"
        " DROP COLUMN left_out"
    )
