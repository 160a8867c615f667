"""The outbox of webhooks."""

import sqlalchemy as sa

from lapinq_core.schema.base import RANDOM_UUID, metadata, timestamptz, uuid

# As the database prints it, which is what Alembic compares.
_HOST = (
    """COALESCE(NULLIF(lower("left"("substring"(url, '^[^/]*//(?:[^/?#]*@)?([^/?#]*)'::text), 255)), ''::text),"""
    """ '?'::text)"""
)

webhooks = sa.Table(
    "lapinq_webhooks",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("id", uuid, nullable=False, unique=True, server_default=RANDOM_UUID),
    sa.Column("task_id", uuid, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("host", sa.Text, sa.Computed(_HOST, persisted=True), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", timestamptz),
    sa.Column("finished_at", timestamptz, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_since", timestamptz, nullable=False),
    sa.Column("due_at", timestamptz, nullable=False),
    sa.Column("tried_at", timestamptz),
    sa.Column("answer", sa.SmallInteger),
    sa.Column("failure", sa.Text),
    sa.CheckConstraint("state IN ('pending', 'delivered', 'given_up')", name="lapinq_webhooks_state_check"),
    sa.Index("lapinq_webhooks_due_at", "due_at", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("lapinq_webhooks_host", "host", "due_at", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("lapinq_webhooks_ended", "state", "tried_at", postgresql_where=sa.text("state <> 'pending'")),
    sa.Index("lapinq_webhooks_state", "state", "seq"),
    sa.Index("lapinq_webhooks_queue", "queue_name", "seq"),
    sa.Index("lapinq_webhooks_task_id", "task_id"),
)
