"""Workflows: graphs of tasks."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

workflows = sa.Table(
    "lapinq_workflows",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("metadata", JSONB),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'running'")),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("cancelled_at", timestamptz),
    sa.Column("ended_at", timestamptz),
    *(
        sa.Column(name, sa.Integer, nullable=False, server_default="0")
        for name in ("pending", "completed", "failed", "cancelled", "expired", "deleted", "kept")
    ),
    sa.CheckConstraint(
        "status IN ('running', 'completed', 'failed', 'cancelled')", name="lapinq_workflows_status_check"
    ),
    sa.Index("lapinq_workflows_name", "name", "id"),
    sa.Index("lapinq_workflows_status", "status", "id"),
    sa.Index("lapinq_workflows_gone", "ended_at", postgresql_where=sa.text("kept = 0")),
    postgresql_with={"fillfactor": "50", **HOT},
)

workflow_tasks = sa.Table(
    "lapinq_workflow_tasks",
    metadata,
    sa.Column("task_id", uuid, primary_key=True),
    sa.Column("workflow_id", uuid, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("after_failure", sa.Text, nullable=False),
    sa.Column("waits_for", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("cause", uuid),
    sa.Column("is_gone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("workflow_id", "ref", name="lapinq_workflow_tasks_ref"),
    sa.CheckConstraint(
        "after_failure IN ('cancel', 'run', 'fail')", name="lapinq_workflow_tasks_after_failure_check"
    ),
    postgresql_with={**HOT, "fillfactor": "50"},
)

workflow_edges = sa.Table(
    "lapinq_workflow_edges",
    metadata,
    sa.Column("parent_id", uuid, primary_key=True),
    sa.Column("child_id", uuid, primary_key=True),
    sa.Index("lapinq_workflow_edges_child", "child_id", "parent_id"),
)
