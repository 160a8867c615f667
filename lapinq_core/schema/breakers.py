"""Circuit breakers of queues and of task names, by `kind` ("queue" or "task") and `name`.

Those are made of `queue_name` and `task_name` as long as the previous release runs, which writes these through the
views `lapinq_breakers`, `lapinq_task_breakers` and those of the other two tables.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid


def _owner() -> list[sa.Column[str]]:
    kind = "CASE WHEN (task_name IS NULL) THEN 'queue'::text ELSE 'task'::text END"
    return [
        sa.Column("queue_name", sa.Text),
        sa.Column("task_name", sa.Text),
        sa.Column("kind", sa.Text, sa.Computed(kind, persisted=True), primary_key=True),
        sa.Column(
            "name", sa.Text, sa.Computed("COALESCE(queue_name, task_name)", persisted=True), primary_key=True
        ),
    ]


breakers = sa.Table(
    "lapinq_circuit_breakers",
    metadata,
    *_owner(),
    sa.Column("failures_in_row", sa.Integer),
    sa.Column("failure_share", DOUBLE_PRECISION),
    sa.Column("window_seconds", DOUBLE_PRECISION, nullable=False),
    sa.Column("least_attempts", sa.Integer, nullable=False),
    sa.Column("retry_after_seconds", DOUBLE_PRECISION, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("state", sa.Text, nullable=False, server_default="closed"),
    sa.Column("since", timestamptz, nullable=False),
    sa.Column("since_seq", sa.BigInteger, nullable=False),
    sa.Column("first_seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("in_row", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer),
    sa.Column("attempts", sa.Integer),
    sa.Column("failed_task_id", uuid),
    sa.Column("opened_at", timestamptz),
    sa.Column("pause_seconds", DOUBLE_PRECISION),
    sa.Column("tries_at", timestamptz),
    sa.Column("probe_id", uuid),
    sa.Column("probe_seq", sa.BigInteger),
    sa.Column("judged_at", timestamptz),
    sa.Column("told_state", sa.Text, nullable=False, server_default="closed"),
    sa.Column("let_go", ARRAY(uuid), nullable=False, server_default="{}"),
    sa.Column("let_go_at", timestamptz),
    sa.UniqueConstraint("queue_name", name="lapinq_circuit_breakers_queue_name_key"),
    sa.UniqueConstraint("task_name", name="lapinq_circuit_breakers_task_name_key"),
    *(
        sa.CheckConstraint(condition, name=f"lapinq_circuit_breakers_{name}_check")
        for name, condition in {
            "name": "num_nonnulls(queue_name, task_name) = 1",
            "rule": "num_nonnulls(failures_in_row, failure_share) > 0",
            "failures_in_row": "failures_in_row >= 1",
            "failure_share": "failure_share > 0 AND failure_share <= 1",
            "window_seconds": "window_seconds > 0",
            "least_attempts": "least_attempts >= 1",
            "retry_after_seconds": "retry_after_seconds > 0",
            "state": "state IN ('closed', 'open', 'half_open')",
            "open": "state = 'closed' OR num_nulls(failures, opened_at, pause_seconds, tries_at) = 0",
        }.items()
    ),
)

breaker_starts = sa.Table(
    "lapinq_circuit_breaker_starts",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("task_id", uuid, nullable=False),
    sa.Column("claimed_at", timestamptz, nullable=False),
    postgresql_with=HOT,
)

breaker_counts = sa.Table(
    "lapinq_circuit_breaker_counts",
    metadata,
    *_owner(),
    sa.Column("slice", sa.BigInteger, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("queue_name", "slice", name="lapinq_circuit_breaker_counts_queue_name_key"),
    sa.UniqueConstraint("task_name", "slice", name="lapinq_circuit_breaker_counts_task_name_key"),
)
