"""At most one task with a unique key, and debounced tasks.

Revision ID: 0036 Revises: 0033
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0036"
down_revision = "0033"
branch_labels = None
depends_on = None

_FUNCTIONS = {
    "lapinq_holds_key": "uuid, text, timestamptz",
    "lapinq_keyed": "json",
    "lapinq_lock_waiting": "uuid",
    "lapinq_replace_waiting": "uuid, json, timestamptz",
    "lapinq_meet_unique_keys": "json, integer",
    "lapinq_retake_unique_key": "uuid, integer",
    "lapinq_may_requeue": "uuid",
    "lapinq_check_unique": "text, jsonb",
}


def upgrade() -> None:
    op.execute("ALTER TABLE lapinq_tasks ADD COLUMN unique_key text, ADD COLUMN unique_until text")
    op.execute("ALTER TABLE lapinq_idempotency_keys ADD COLUMN met json")
    run_script("unique_keys/table.sql")
    for name in _FUNCTIONS:
        run_script(f"unique_keys/{name}.sql")
    run_script("unique_keys/lapinq_enqueue.sql")


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_enqueue(jsonb)")
    run_script("task_key/lapinq_enqueue.sql")
    for name, arguments in _FUNCTIONS.items():
        op.execute(f"DROP FUNCTION {name}({arguments})")
    op.execute("DROP TABLE lapinq_unique_keys")
    op.execute("ALTER TABLE lapinq_idempotency_keys DROP COLUMN met")
    op.execute("ALTER TABLE lapinq_tasks DROP COLUMN unique_key, DROP COLUMN unique_until")
