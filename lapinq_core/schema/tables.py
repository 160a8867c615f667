"""The tables as SQLAlchemy Core metadata. A test compares them with what `lapinq_migrations` creates.

`docs/architecture.md` tells what each table is for, comments in `lapinq_migrations/versions/baseline` explain columns.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSON, JSONB, TIMESTAMP, UUID

metadata = sa.MetaData()

_timestamptz = TIMESTAMP(timezone=True)
_uuid = UUID(as_uuid=True)
_HOT = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "1000",
    "autovacuum_vacuum_cost_delay": "0",
}

tasks = sa.Table(
    "lapinq_tasks",
    metadata,
    sa.Column("id", _uuid, primary_key=True),
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
    sa.Column("created_at", _timestamptz, nullable=False),
    sa.Column("scheduled_at", _timestamptz),
    sa.Column("expires_at", _timestamptz),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("request_id", sa.Text),
    sa.Index("lapinq_tasks_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_partition_by="RANGE (id)",
)

ready = sa.Table(
    "lapinq_ready",
    metadata,
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True, cache=1), nullable=False),
    sa.Column("id", _uuid, primary_key=True),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires_at", _timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Index("lapinq_ready_claim", "queue_name", "rank", "seq"),
    sa.Index("lapinq_ready_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_with=_HOT,
)

delayed = sa.Table(
    "lapinq_delayed",
    metadata,
    sa.Column("id", _uuid, primary_key=True),
    sa.Column("due_at", _timestamptz, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires_at", _timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Index("lapinq_delayed_due_at", "due_at", "id"),
    sa.Index("lapinq_delayed_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
    postgresql_with=_HOT,
)

running = sa.Table(
    "lapinq_running",
    metadata,
    sa.Column("id", _uuid, primary_key=True),
    sa.Column("token", _uuid, nullable=False),
    sa.Column(
        "seq", sa.BigInteger, nullable=False, server_default=sa.text("nextval('lapinq_claim_seq'::regclass)")
    ),
    sa.Column("worker_id", _uuid, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("claimed_at", _timestamptz, nullable=False),
    sa.Column("deadline_at", _timestamptz, nullable=False),
    sa.Column("expires_at", _timestamptz),
    sa.Column("progress", sa.SmallInteger),
    sa.Column("progress_message", sa.Text),
    sa.Column("cancel_requested_at", _timestamptz),
    sa.Column("isolation", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("has_webhook", sa.Boolean),
    sa.Column("logs", sa.Text),
    sa.CheckConstraint("progress BETWEEN 0 AND 100", name="lapinq_running_progress_check"),
    sa.Index(
        "lapinq_running_cancel_requested",
        "worker_id",
        postgresql_where=sa.text("cancel_requested_at IS NOT NULL"),
    ),
    postgresql_with=_HOT,
)

attempts = sa.Table(
    "lapinq_attempts",
    metadata,
    sa.Column("task_id", _uuid, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("traceback", sa.Text),
    sa.Column("run_seconds", DOUBLE_PRECISION),
    sa.Column("claimed_at", _timestamptz),
    sa.Column("finished_at", _timestamptz, nullable=False),
    sa.Column("worker_id", _uuid),
    sa.Column("token", _uuid),
    sa.Column("logs", sa.Text),
    sa.Column("progress", sa.SmallInteger),
    sa.Column("progress_message", sa.Text),
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
    sa.Column("due_at", _timestamptz, nullable=False),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("request_id", sa.Text),
    prefixes=["UNLOGGED"],
)

queues = sa.Table(
    "lapinq_queues",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("paused_at", _timestamptz),
    sa.Column("paused_by", sa.Text),
    sa.Column("pause_reason", sa.Text),
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
    postgresql_with=_HOT,
)

workers = sa.Table(
    "lapinq_workers",
    metadata,
    sa.Column("id", _uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hostname", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("queues", ARRAY(sa.Text)),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("lease_seconds", DOUBLE_PRECISION, nullable=False),
    sa.Column("started_at", _timestamptz, nullable=False),
    sa.Column("beat_at", _timestamptz, nullable=False),
    sa.Column("dead_at", _timestamptz),
    sa.Column("memory_bytes", sa.BigInteger),
    sa.Column("running", sa.Integer),
    sa.Column("rate", DOUBLE_PRECISION),
    sa.Column("is_quiet", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("asked_to", sa.Text),
    sa.Column("asked_by", sa.Text),
    sa.Column("asked_at", _timestamptz),
    sa.Column("jumped_at", _timestamptz),
    sa.Column("jumped_seconds", DOUBLE_PRECISION),
    sa.CheckConstraint("asked_to IN ('quiet', 'stop')", name="lapinq_workers_asked_to_check"),
    postgresql_with={"fillfactor": "50"},
)

rollups = sa.Table(
    "lapinq_rollups",
    metadata,
    sa.Column("span", sa.Integer, nullable=False),
    sa.Column("since", _timestamptz, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("completed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("runs", ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("waits", ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Index("lapinq_rollups_since", "span", "since"),
    postgresql_with=_HOT,
)
