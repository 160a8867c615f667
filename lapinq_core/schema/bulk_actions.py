"""Bulk actions."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from lapinq_core.schema.base import metadata, timestamptz, uuid

bulk_actions = sa.Table(
    "lapinq_bulk_actions",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("filters", JSONB, nullable=False),
    sa.Column("named_arguments", sa.Text),
    sa.Column("queues", ARRAY(sa.Text)),
    sa.Column("expected", sa.BigInteger),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.BigInteger),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("entry_id", sa.BigInteger, nullable=False),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("until", uuid),
    sa.Column("reached", uuid),
    sa.Column("remaining", ARRAY(uuid), nullable=False, server_default="{}"),
    sa.Column("done", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("skipped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("token", uuid),
    sa.Column("free_at", timestamptz, nullable=False),
    sa.Column("ended_at", timestamptz),
    sa.Column("outcome", sa.Text),
    sa.Column("stopped_by", sa.Text),
    sa.Column("error", sa.Text),
    sa.CheckConstraint(
        "verb IN ('cancel', 'delete', 'requeue', 'run')", name="lapinq_bulk_actions_verb_check"
    ),
    sa.CheckConstraint(
        "outcome IN ('completed', 'stopped', 'failed')", name="lapinq_bulk_actions_outcome_check"
    ),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="lapinq_bulk_actions_ended_check"),
    sa.Index("lapinq_bulk_actions_free_at", "free_at", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("lapinq_bulk_actions_ended_at", "ended_at", postgresql_where=sa.text("ended_at IS NOT NULL")),
)
