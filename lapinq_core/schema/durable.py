"""Durable tasks: their steps, waits and signals, and what they ask people by links."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

signal_seq = sa.Sequence("lapinq_signal_seq", start=1_000_000_000_000, metadata=metadata)

steps = sa.Table(
    "lapinq_steps",
    metadata,
    sa.Column("task_id", uuid, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("occurrence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("started_at", timestamptz, nullable=False),
    sa.Column("ended_at", timestamptz),
    sa.Column("due_at", timestamptz),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("claim_seq", sa.BigInteger),
    sa.Column("token", uuid),
    sa.Column("version", sa.Text),
    sa.Column("names", ARRAY(sa.Text)),
    sa.Column("child_id", uuid),
    sa.CheckConstraint(
        "kind IN ('step', 'sleep', 'signal', 'task', 'spawn', 'sent', 'lock')", name="lapinq_steps_kind_check"
    ),
    sa.CheckConstraint("outcome IN ('completed', 'timed_out', 'failed')", name="lapinq_steps_outcome_check"),
    sa.Index(
        "lapinq_steps_child",
        "child_id",
        "task_id",
        postgresql_where=sa.text("kind = 'task' AND ended_at IS NULL"),
    ),
    sa.Index(
        "lapinq_steps_waiting",
        "started_at",
        "task_id",
        postgresql_where=sa.text("kind = 'signal' AND ended_at IS NULL"),
    ),
    sa.Index("lapinq_steps_open", "task_id", postgresql_where=sa.text("ended_at IS NULL")),
    postgresql_with={"fillfactor": "90", **HOT},
)

decisions = sa.Table(
    "lapinq_decisions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("task_id", uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("occurrence", sa.Integer, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("question", sa.Text),
    sa.Column("schema", sa.Text),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("expires_at", timestamptz, nullable=False),
    sa.Column("decided_at", timestamptz),
    sa.Column("decided_by", sa.Text),
    sa.UniqueConstraint("task_id", "name", "step", "occurrence", name="lapinq_decisions_place"),
)

links = sa.Table(
    "lapinq_links",
    metadata,
    sa.Column("token_hash", BYTEA, primary_key=True),
    sa.Column(
        "decision_id", sa.BigInteger, sa.ForeignKey("lapinq_decisions.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("expires_at", timestamptz, nullable=False),
    sa.Index("lapinq_links_decision_id", "decision_id"),
)
