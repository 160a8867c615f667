"""A unique enqueue in a REPEATABLE READ or SERIALIZABLE transaction meets no task that has given up its key since.

Revision ID: 0050 Revises: 0049
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_REPLACED = {
    "lapinq_holds_key": ("uuid, text, timestamptz", "unique_keys"),
    "lapinq_meet_unique_keys": ("json, integer", "expired_keys"),
}
"""With their arguments, and the folder of the former version."""


def upgrade() -> None:
    for name in _REPLACED:
        run_script(f"strict_callers/{name}.sql")


def downgrade() -> None:
    for name, (arguments, former) in _REPLACED.items():
        op.execute(f"DROP FUNCTION {name}({arguments})")
        run_script(f"{former}/{name}.sql")
