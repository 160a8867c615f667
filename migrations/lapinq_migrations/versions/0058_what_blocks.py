"""One function tells what keeps tasks from starting, for all who ask.

Revision ID: 0058 Revises: 0057
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "lapinq_filled_at_1",
    "lapinq_returned_1",
    "lapinq_blocks_of_queue_1",
    "lapinq_key_now_1",
    "lapinq_limits_now_1",
    "lapinq_blocks_1",
)


def upgrade() -> None:
    for name in FUNCTIONS:
        run_script(f"what_blocks/{name}.sql")
    run_script("what_blocks/startable.sql")
    run_script("what_blocks/startable_path.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_startable(text)")
    run_script("limits/startable.sql")
    run_script("what_blocks/startable_path.sql")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
