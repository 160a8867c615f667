"""Claims find the sets of named limits in fewer steps, and limits without room by their newest version.

Revision ID: 0079 Revises: 0078
"""

from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

FUNCTIONS = ("lapinq_open_sets_1", "lapinq_limits_without_room_3")
_BEFORE = {
    "lapinq_next_sets_1.sql": "governed_claims",
    "lapinq_lock_limits_1.sql": "newest_rows",
    "lapinq_claim_governed_2.sql": "newest_rows",
}


def upgrade() -> None:
    for name in FUNCTIONS:
        run_script(f"limit_sets/{name}.sql")
    for script in _BEFORE:
        run_script(f"limit_sets/{script}")


def downgrade() -> None:
    for script, folder in _BEFORE.items():
        before = files("lapinq_migrations.versions").joinpath(folder, script).read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(
            before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("%", "%%")
        )
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
