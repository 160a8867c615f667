"""Groups of errors, and how often each happened."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from lapinq_core.schema.base import HOT, metadata, timestamptz, uuid

error_groups = sa.Table(
    "lapinq_error_groups",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("fingerprint", BYTEA, nullable=False, unique=True),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("state_by", sa.Text),
    sa.Column("state_at", timestamptz),
    sa.Column("state_reason", sa.Text),
    sa.Column("muted_until", timestamptz),
    sa.Column("regressed_at", timestamptz),
    sa.Column("first_at", timestamptz, nullable=False),
    sa.Column("last_at", timestamptz, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("retried", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("sample_task", uuid),
    sa.Column("sample_error", sa.Text),
    sa.Column("sample_frame", sa.Text),
    sa.Column("releases", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("workers", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("place", sa.Text),
    sa.Column("samples", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.CheckConstraint(
        "state IN ('open', 'resolved', 'muted', 'regressed')", name="lapinq_error_groups_state_check"
    ),
    sa.Index("lapinq_error_groups_last_at", "last_at"),
    sa.Index("lapinq_error_groups_state", "state", "last_at"),
    sa.Index("lapinq_error_groups_queue", "queue_name", "last_at"),
    sa.Index("lapinq_error_groups_task", "queue_name", "task_name", "last_at"),
    postgresql_with=HOT,
)

error_merges = sa.Table(
    "lapinq_error_merges",
    metadata,
    sa.Column("fingerprint", BYTEA, primary_key=True),
    sa.Column(
        "group_id", sa.BigInteger, sa.ForeignKey("lapinq_error_groups.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("place", sa.Text),
    sa.Column("merged_by", sa.Text),
    sa.Column("merged_at", timestamptz, nullable=False),
    sa.Index("lapinq_error_merges_group", "group_id"),
)

error_counts = sa.Table(
    "lapinq_error_counts",
    metadata,
    sa.Column(
        "group_id", sa.BigInteger, sa.ForeignKey("lapinq_error_groups.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("span", sa.Integer, nullable=False),
    sa.Column("since", timestamptz, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("retried", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("lapinq_error_counts_group", "group_id", "span", "since"),
    sa.Index("lapinq_error_counts_since", "span", "since"),
    postgresql_with=HOT,
)
