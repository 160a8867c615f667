"""Databases of a development version become what revisions 0024 to 0037 make now.

Revision ID: 0038 Revises: 0037
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It was generated there, and the functions wrote to the rows of queues.
    op.execute(
        "ALTER TABLE lapinq_queues ALTER COLUMN is_governed DROP EXPRESSION IF EXISTS,"
        " ALTER COLUMN is_governed SET DEFAULT false"
    )
    run_script("limits/governed.sql")
    run_script("unique_keys/lapinq_replace_waiting.sql")
    run_script("unique_keys/lapinq_enqueue.sql")


def downgrade() -> None:
    pass
