"""Circuit breakers of queues and of task names."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid


def _breakers(table: str, name: str, *more: sa.Column[Any]) -> sa.Table:
    """The same columns for both kinds of breakers: the same statements judge them."""
    return sa.Table(
        table,
        metadata,
        sa.Column(name, sa.Text, primary_key=True),
        sa.Column("failures_in_row", sa.Integer),
        sa.Column("failure_share", DOUBLE_PRECISION),
        sa.Column("window_seconds", DOUBLE_PRECISION, nullable=False),
        sa.Column("least_attempts", sa.Integer, nullable=False),
        sa.Column("retry_after_seconds", DOUBLE_PRECISION, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="closed"),
        sa.Column("since", timestamptz, nullable=False),
        sa.Column("since_seq", sa.BigInteger, nullable=False),
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
        sa.Column("first_seq", sa.BigInteger, nullable=False, server_default="0"),
        *more,
        sa.CheckConstraint("failures_in_row >= 1", name=f"{table}_failures_in_row_check"),
        sa.CheckConstraint("failure_share > 0 AND failure_share <= 1", name=f"{table}_failure_share_check"),
        sa.CheckConstraint("window_seconds > 0", name=f"{table}_window_seconds_check"),
        sa.CheckConstraint("least_attempts >= 1", name=f"{table}_least_attempts_check"),
        sa.CheckConstraint("retry_after_seconds > 0", name=f"{table}_retry_after_seconds_check"),
        sa.CheckConstraint("state IN ('closed', 'open', 'half_open')", name=f"{table}_state_check"),
        sa.CheckConstraint("num_nonnulls(failures_in_row, failure_share) > 0", name=f"{table}_rule_check"),
        sa.CheckConstraint(
            "state = 'closed' OR num_nulls(failures, opened_at, pause_seconds, tries_at) = 0",
            name=f"{table}_open_check",
        ),
    )


def _starts(table: str, name: str) -> sa.Table:
    return sa.Table(
        table,
        metadata,
        sa.Column(name, sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("task_id", uuid, nullable=False),
        sa.Column("claimed_at", timestamptz, nullable=False),
        postgresql_with=HOT,
    )


def _counts(table: str, name: str) -> sa.Table:
    return sa.Table(
        table,
        metadata,
        sa.Column(name, sa.Text, primary_key=True),
        sa.Column("slice", sa.BigInteger, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )


breakers = _breakers("lapinq_breakers", "queue_name")
breaker_starts = _starts("lapinq_breaker_starts", "queue_name")
breaker_counts = _counts("lapinq_breaker_counts", "queue_name")

task_breakers = _breakers(
    "lapinq_task_breakers",
    "task_name",
    sa.Column("let_go", ARRAY(uuid), nullable=False, server_default="{}"),
    sa.Column("let_go_at", timestamptz),
    sa.Column("source", sa.Text),
)
task_breaker_starts = _starts("lapinq_task_breaker_starts", "task_name")
task_breaker_counts = _counts("lapinq_task_breaker_counts", "task_name")
