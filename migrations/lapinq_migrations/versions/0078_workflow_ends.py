"""Ends of tasks in workflows cost less.

Revision ID: 0078 Revises: 0077
"""

from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

_SCRIPTS = ("lapinq_advance_workflows_1.sql", "lapinq_note_workflow_task.sql")


def upgrade() -> None:
    # Each row is changed twice, at once with all its siblings: half a page lets both changes leave the indexes alone.
    op.execute("ALTER TABLE lapinq_workflow_tasks SET (fillfactor = 50)")
    for script in _SCRIPTS:
        run_script(f"workflow_ends/{script}")


def downgrade() -> None:
    for script in _SCRIPTS:
        before = files("lapinq_migrations.versions").joinpath("workflows", script).read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(
            before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("%", "%%")
        )
    # All of them, for the order that they had.
    op.execute(
        "ALTER TABLE lapinq_workflow_tasks SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01,"
        " autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)"
    )
