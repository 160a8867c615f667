"""Tasks from enqueue to their end."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DOUBLE_PRECISION, JSON, JSONB

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

tasks = sa.Table(
    "lapinq_tasks",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("module_path", sa.Text, nullable=False),
    sa.Column("args", JSON, nullable=False),
    sa.Column("kwargs", JSON, nullable=False),
    sa.Column("max_retries", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("retry_delay", DOUBLE_PRECISION, nullable=False),
    sa.Column("retry_backoff", sa.Boolean, nullable=False),
    sa.Column("ttl_seconds", DOUBLE_PRECISION),
    sa.Column("metadata", JSONB),
    sa.Column("webhook_url", sa.Text),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("scheduled_at", timestamptz),
    sa.Column("expires_at", timestamptz),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("request_id", sa.Text),
    sa.Column("rerun_of", uuid),
    sa.Column("profile", sa.Boolean),
    sa.Index("lapinq_tasks_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_partition_by="RANGE (id)",
)

ready = sa.Table(
    "lapinq_ready",
    metadata,
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True, cache=1), nullable=False),
    sa.Column("id", uuid, primary_key=True),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires_at", timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("since", timestamptz),
    sa.Index("lapinq_ready_claim", "queue_name", "rank", "seq"),
    sa.Index("lapinq_ready_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_with=HOT,
)

delayed = sa.Table(
    "lapinq_delayed",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("due_at", timestamptz, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires_at", timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Index("lapinq_delayed_due_at", "due_at", "id"),
    sa.Index("lapinq_delayed_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_with=HOT,
)

running = sa.Table(
    "lapinq_running",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("token", uuid, nullable=False),
    sa.Column(
        "seq", sa.BigInteger, nullable=False, server_default=sa.text("nextval('lapinq_claim_seq'::regclass)")
    ),
    sa.Column("worker_id", uuid, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("claimed_at", timestamptz, nullable=False),
    sa.Column("deadline_at", timestamptz, nullable=False),
    sa.Column("expires_at", timestamptz),
    sa.Column("progress", sa.SmallInteger),
    sa.Column("progress_message", sa.Text),
    sa.Column("cancel_requested_at", timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("has_webhook", sa.Boolean),
    sa.Column("logs", sa.Text),
    sa.CheckConstraint("progress BETWEEN 0 AND 100", name="lapinq_running_progress_check"),
    sa.Index(
        "lapinq_running_cancel_requested",
        "worker_id",
        postgresql_where=sa.text("cancel_requested_at IS NOT NULL"),
    ),
    postgresql_with=HOT,
)

attempts = sa.Table(
    "lapinq_attempts",
    metadata,
    sa.Column("task_id", uuid, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("traceback", sa.Text),
    sa.Column("run_seconds", DOUBLE_PRECISION),
    sa.Column("claimed_at", timestamptz),
    sa.Column("finished_at", timestamptz, nullable=False),
    sa.Column("worker_id", uuid),
    sa.Column("token", uuid),
    sa.Column("logs", sa.Text),
    sa.Column("progress", sa.SmallInteger),
    sa.Column("progress_message", sa.Text),
    sa.Column("requeued_at", timestamptz),
    sa.Column("requeued_by", sa.Text),
    sa.Column("profile", BYTEA),
    sa.CheckConstraint(
        "outcome IN ('completed', 'failed', 'cancelled', 'expired') OR NOT final AND outcome = 'released'",
        name="lapinq_attempts_outcome_check",
    ),
    sa.Index(
        "lapinq_attempts_final",
        "task_id",
        unique=True,
        postgresql_include=["outcome"],
        postgresql_where=sa.text("final"),
    ),
    sa.Index("lapinq_attempts_earlier", "task_id", "attempt", postgresql_where=sa.text("NOT final")),
    sa.Index(
        "lapinq_attempts_unsuccessful",
        "outcome",
        "task_id",
        postgresql_where=sa.text("final AND outcome <> 'completed'"),
    ),
    postgresql_partition_by="RANGE (task_id)",
)

transient = sa.Table(
    "lapinq_transient",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("rank", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("module_path", sa.Text, nullable=False),
    sa.Column("args", JSON, nullable=False),
    sa.Column("kwargs", JSON, nullable=False),
    sa.Column("metadata", JSONB),
    sa.Column("due_at", timestamptz, nullable=False),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("request_id", sa.Text),
    prefixes=["UNLOGGED"],
)

idempotency_keys = sa.Table(
    "lapinq_idempotency_keys",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", BYTEA, nullable=False),
    sa.Column("task_ids", ARRAY(uuid), nullable=False),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Index("lapinq_idempotency_keys_created_at", "created_at"),
)
