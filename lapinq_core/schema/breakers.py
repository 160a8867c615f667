"""Circuit breakers of queues."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

breakers = sa.Table(
    "lapinq_breakers",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
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
    sa.CheckConstraint("failures_in_row >= 1", name="lapinq_breakers_failures_in_row_check"),
    sa.CheckConstraint(
        "failure_share > 0 AND failure_share <= 1", name="lapinq_breakers_failure_share_check"
    ),
    sa.CheckConstraint("window_seconds > 0", name="lapinq_breakers_window_seconds_check"),
    sa.CheckConstraint("least_attempts >= 1", name="lapinq_breakers_least_attempts_check"),
    sa.CheckConstraint("retry_after_seconds > 0", name="lapinq_breakers_retry_after_seconds_check"),
    sa.CheckConstraint("state IN ('closed', 'open', 'half_open')", name="lapinq_breakers_state_check"),
    sa.CheckConstraint("num_nonnulls(failures_in_row, failure_share) > 0", name="lapinq_breakers_rule_check"),
    sa.CheckConstraint(
        "state = 'closed' OR num_nulls(failures, opened_at, pause_seconds, tries_at) = 0",
        name="lapinq_breakers_open_check",
    ),
)

breaker_starts = sa.Table(
    "lapinq_breaker_starts",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("task_id", uuid, nullable=False),
    sa.Column("claimed_at", timestamptz, nullable=False),
    postgresql_with=HOT,
)

breaker_counts = sa.Table(
    "lapinq_breaker_counts",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("slice", sa.BigInteger, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
)
