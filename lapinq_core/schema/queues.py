"""Queues: their settings, how many tasks they hold, and statistics over time."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

queues = sa.Table(
    "lapinq_queues",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("paused_at", timestamptz),
    sa.Column("paused_by", sa.Text),
    sa.Column("pause_reason", sa.Text),
    sa.Column("max_running", sa.Integer),
    sa.Column("max_running_per_key", sa.Integer),
    sa.Column("rate", JSONB),
    sa.Column("rate_per_key", JSONB),
    sa.Column("start_order", sa.Text, nullable=False, server_default="priority"),
    sa.Column("weights", JSONB),
    sa.Column("is_laned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("tokens", DOUBLE_PRECISION),
    sa.Column("tokens_at", timestamptz),
    sa.Column("virtual_time", DOUBLE_PRECISION, nullable=False, server_default="0"),
    sa.Column("unkeyed_time", DOUBLE_PRECISION, nullable=False, server_default="0"),
    sa.Column("lane_shifts", JSONB),
    sa.Column("governed_xid", sa.BigInteger),
    sa.Column("governed_at", timestamptz),
    sa.Column("fence", sa.BigInteger),
    sa.Column("has_breaker", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_governed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("policy_source", sa.Text),
    sa.CheckConstraint("max_running >= 1", name="lapinq_queues_max_running_check"),
    sa.CheckConstraint("max_running_per_key >= 1", name="lapinq_queues_max_running_per_key_check"),
    sa.CheckConstraint(
        "start_order IN ('priority', 'fair', 'strict_per_key')", name="lapinq_queues_start_order_check"
    ),
)

counts = sa.Table(
    "lapinq_counts",
    metadata,
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("pending", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("completed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cancelled", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("expired", sa.BigInteger, nullable=False, server_default="0"),
    postgresql_with=HOT,
)

rollups = sa.Table(
    "lapinq_rollups",
    metadata,
    sa.Column("span", sa.Integer, nullable=False),
    sa.Column("since", timestamptz, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("completed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("runs", ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("waits", ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("retried", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("lapinq_rollups_since", "span", "since"),
    sa.Index("lapinq_rollups_queue", "span", "queue_name", "since"),
    postgresql_with=HOT,
)

task_rollups = sa.Table(
    "lapinq_task_rollups",
    metadata,
    sa.Column("span", sa.Integer, nullable=False),
    sa.Column("since", timestamptz, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("completed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("retried", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("runs", ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("slow_ids", ARRAY(uuid), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("slow_seconds", ARRAY(DOUBLE_PRECISION), nullable=False, server_default=sa.text("'{}'")),
    sa.Index("lapinq_task_rollups_since", "span", "since"),
    sa.Index("lapinq_task_rollups_task", "task_name", "span", "since"),
    sa.Index("lapinq_task_rollups_queue", "queue_name", "span", "since"),
    postgresql_with=HOT,
)

levels = sa.Table(
    "lapinq_levels",
    metadata,
    sa.Column("span", sa.Integer, primary_key=True),
    sa.Column("since", timestamptz, primary_key=True),
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("sampled_at", timestamptz, nullable=False),
    sa.Column("ready", sa.BigInteger),
    sa.Column("running", sa.BigInteger, nullable=False),
)
