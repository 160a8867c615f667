"""A claim that started a task reserves no units for the next one.

Revision ID: 0063 Revises: 0062
"""

from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_SCRIPT = "lapinq_reserve_2.sql"


def upgrade() -> None:
    run_script(f"reservations/{_SCRIPT}")


def downgrade() -> None:
    before = files("lapinq_migrations.versions").joinpath("lane_marks", _SCRIPT).read_text(encoding="utf-8")
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
