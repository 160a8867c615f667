"""Claims read the newest version of the row of a queue or limit first.

Revision ID: 0077 Revises: 0076
"""

from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

_BEFORE = {
    "lapinq_lock_limits_1.sql": "lane_marks",
    "lapinq_reserve_2.sql": "reservations",
    "lapinq_claim_governed_2.sql": "lane_marks",
}


def upgrade() -> None:
    for script in _BEFORE:
        run_script(f"newest_rows/{script}")


def downgrade() -> None:
    for script, folder in _BEFORE.items():
        before = files("lapinq_migrations.versions").joinpath(folder, script).read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(
            before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("%", "%%")
        )
