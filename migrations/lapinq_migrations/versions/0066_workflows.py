"""Workflows: graphs of tasks.

Revision ID: 0066 Revises: 0063
"""

from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0066"
down_revision = "0063"
branch_labels = None
depends_on = None

_SCRIPTS = (
    "tables",
    "lapinq_in_workflow",
    "lapinq_never",
    "lapinq_task_details",
    "lapinq_end_workflows_1",
    "lapinq_advance_workflows_1",
    "lapinq_store_tasks",
    "lapinq_meet_unique_keys",
    "lapinq_store_workflow_1",
    "lapinq_cancel_workflow_1",
    "lapinq_retry_workflow_1",
    "lapinq_note_workflow_task",
    "lapinq_tell_workflows",
    "triggers",
)


def upgrade() -> None:
    for script in _SCRIPTS:
        run_script(f"workflows/{script}.sql")


def downgrade() -> None:
    """Tasks of workflows stay as ordinary tasks; blocked ones are cancelled."""
    run_script("limits/lapinq_task_details.sql")
    run_script("strict_callers/lapinq_meet_unique_keys.sql")
    op.execute("DROP FUNCTION lapinq_note_workflow_task, lapinq_tell_workflows CASCADE")
    before = files("lapinq_migrations.versions").joinpath("store_tasks", "lapinq_store_tasks.sql")
    op.execute(before.read_text(encoding="utf-8").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.execute(
        "WITH gone AS (DELETE FROM lapinq_delayed WHERE due_at = lapinq_never() RETURNING id, queue_name, starts),"
        " counted AS (INSERT INTO lapinq_counts (queue_name, pending, cancelled)"
        " SELECT queue_name, -count(*), count(*) FROM gone GROUP BY queue_name)"
        " INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
        " SELECT id, starts, true, 'cancelled', lapinq_now() FROM gone"
    )
    op.execute(
        "DROP FUNCTION lapinq_retry_workflow_1, lapinq_cancel_workflow_1, lapinq_store_workflow_1,"
        " lapinq_advance_workflows_1, lapinq_end_workflows_1, lapinq_in_workflow, lapinq_never"
    )
    op.execute("DROP TABLE lapinq_workflow_edges, lapinq_workflow_tasks, lapinq_workflows")
