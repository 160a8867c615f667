"""What a worker says of a jump of the database's clock.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0007_clock_jumps.sql")


def downgrade() -> None:
    op.execute("ALTER TABLE lapinq_workers DROP COLUMN jumped_at, DROP COLUMN jumped_seconds")
