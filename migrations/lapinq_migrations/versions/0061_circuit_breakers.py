"""Queues and task names have their circuit breakers in the same tables.

The former tables are views, for the previous release and for the functions `lapinq_claim_governed_2`, `lapinq_start_1`,
`lapinq_blocks_1` and `lapinq_blocks_of_queue_1`. The release after this one changes the functions and drops the views,
and `queue_name` and `task_name`, of which `kind` and `name` are made until then.

Revision ID: 0061 Revises: 0060
"""

import re
from importlib.resources import files

from alembic import op

from lapinq_migrations import run_script

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

_FORMER = [f"{kind}breaker{what}" for kind in ("", "task_") for what in ("s", "_starts", "_counts")]
_SCRIPTS = files("lapinq_migrations.versions") / "limits"


def upgrade() -> None:
    run_script("circuit_breakers/tables.sql")
    run_script("circuit_breakers/views.sql")


def downgrade() -> None:
    for name in _FORMER:
        op.execute(f"ALTER VIEW lapinq_{name} RENAME TO view_{name}")
    for script in ("breakers.sql", "task_breakers.sql"):
        text = (_SCRIPTS / script).read_text(encoding="utf-8")
        for statement in re.findall(r"^CREATE TABLE .*?;$", text, re.DOTALL | re.MULTILINE):
            op.execute(statement)
    first_seq = "ADD COLUMN first_seq bigint NOT NULL DEFAULT 0"
    op.execute(f"ALTER TABLE lapinq_breakers {first_seq}")
    op.execute(f"ALTER TABLE lapinq_task_breakers {first_seq}, ADD COLUMN source text")
    run_script("circuit_breakers/undo.sql")
