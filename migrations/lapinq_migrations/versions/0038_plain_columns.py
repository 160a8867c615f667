"""Whether a queue is governed is a plain column, so that no migration writes the table again.

Revision ID: 0038 Revises: 0037
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Revision 0033 makes it so, but for databases of a development version: there it was generated.
    op.execute(
        "ALTER TABLE lapinq_queues ALTER COLUMN is_governed DROP EXPRESSION IF EXISTS,"
        " ALTER COLUMN is_governed SET DEFAULT false"
    )
    run_script("limits/governed.sql")


def downgrade() -> None:
    pass
