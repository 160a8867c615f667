"""Schedules, their ticks, and the run that must not overlap with another."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSON, JSONB

from lapinq_core.schema.base import metadata, timestamptz, uuid

schedules = sa.Table(
    "lapinq_schedules",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("module_path", sa.Text, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("args", JSON, nullable=False),
    sa.Column("kwargs", JSON, nullable=False),
    sa.Column("max_retries", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("retry_delay", DOUBLE_PRECISION, nullable=False),
    sa.Column("retry_backoff", sa.Boolean, nullable=False),
    sa.Column("ttl_seconds", DOUBLE_PRECISION),
    sa.Column("metadata", JSONB),
    sa.Column("webhook_url", sa.Text),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("key", sa.Text),
    sa.Column("limits", JSONB),
    sa.Column("cron", sa.Text),
    sa.Column("every_seconds", sa.Integer),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("anchor_at", timestamptz, nullable=False),
    sa.Column("starts_at", timestamptz),
    sa.Column("ends_at", timestamptz),
    sa.Column("jitter", DOUBLE_PRECISION, nullable=False),
    sa.Column("misfire", sa.Text, nullable=False),
    sa.Column("misfire_limit", sa.Integer, nullable=False),
    sa.Column("overlap", sa.Text, nullable=False),
    sa.Column("paused_at", timestamptz),
    sa.Column("paused_by", sa.Text),
    sa.Column("pause_reason", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("next_fire_at", timestamptz),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("updated_at", timestamptz, nullable=False),
    sa.Column("updated_by", sa.Text, nullable=False),
    sa.CheckConstraint("num_nonnulls(cron, every_seconds) = 1", name="lapinq_schedules_when_check"),
    sa.CheckConstraint("misfire IN ('latest', 'skip', 'all')", name="lapinq_schedules_misfire_check"),
    sa.CheckConstraint(
        "overlap IN ('allow', 'skip', 'queue_one', 'cancel_previous')", name="lapinq_schedules_overlap_check"
    ),
    sa.CheckConstraint("paused_at IS NULL OR next_fire_at IS NULL", name="lapinq_schedules_paused_check"),
    sa.Index(
        "lapinq_schedules_next_fire_at",
        "next_fire_at",
        "id",
        postgresql_where=sa.text("next_fire_at IS NOT NULL"),
    ),
)

ticks = sa.Table(
    "lapinq_ticks",
    metadata,
    sa.Column(
        "schedule_id",
        sa.BigInteger,
        sa.ForeignKey("lapinq_schedules.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("fire_at", timestamptz, primary_key=True),
    sa.Column("fired_at", timestamptz, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("task_id", uuid),
    sa.Column("missed_from", timestamptz),
    sa.Column("fired_by", sa.Text),
    sa.CheckConstraint(
        "outcome IN ('enqueued', 'held', 'skipped', 'missed')", name="lapinq_ticks_outcome_check"
    ),
    sa.Index("lapinq_ticks_held", "schedule_id", unique=True, postgresql_where=sa.text("outcome = 'held'")),
    sa.Index("lapinq_ticks_fired_at", "fired_at"),
    sa.Index("lapinq_ticks_task_id", "task_id", postgresql_where=sa.text("task_id IS NOT NULL")),
)

schedule_slots = sa.Table(
    "lapinq_schedule_slots",
    metadata,
    sa.Column(
        "schedule_id",
        sa.BigInteger,
        sa.ForeignKey("lapinq_schedules.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("task_id", uuid, nullable=False),
)
