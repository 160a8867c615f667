"""A task past its time to live holds no unique key.

Revision ID: 0043 Revises: 0041
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0043"
down_revision = "0041"
branch_labels = None
depends_on = None

_REPLACED = {"lapinq_meet_unique_keys": "json, integer", "lapinq_retake_unique_key": "uuid, integer"}


def upgrade() -> None:
    run_script("expired_keys/lapinq_expire_late.sql")
    for name in _REPLACED:
        run_script(f"expired_keys/{name}.sql")


def downgrade() -> None:
    for name, arguments in _REPLACED.items():
        op.execute(f"DROP FUNCTION {name}({arguments})")
        run_script(f"unique_keys/{name}.sql")
    op.execute("DROP FUNCTION lapinq_expire_late(uuid)")
