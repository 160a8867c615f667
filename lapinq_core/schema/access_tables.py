"""More of the metadata in `tables`: who may do what, what was done, repeatable enqueues, webhooks."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP, UUID

from lapinq_core.schema.tables import metadata

_timestamptz = TIMESTAMP(timezone=True)
_uuid = UUID(as_uuid=True)
_random_uuid = sa.text("gen_random_uuid()")
# As the database prints it, which is what Alembic compares.
_HOST = (
    """COALESCE(NULLIF(lower("left"("substring"(url, '^[^/]*//(?:[^/?#]*@)?([^/?#]*)'::text), 255)), ''::text),"""
    """ '?'::text)"""
)

users = sa.Table(
    "lapinq_users",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("permissions", JSONB, nullable=False, server_default="{}"),
    sa.Column("has_default_password", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("created_at", _timestamptz, nullable=False),
    sa.CheckConstraint("role IN ('admin', 'user')", name="lapinq_users_role_check"),
    sa.Index("lapinq_users_username", sa.text("lower(username)"), unique=True),
)

sessions = sa.Table(
    "lapinq_sessions",
    metadata,
    sa.Column("token_hash", BYTEA, primary_key=True),
    sa.Column("id", _uuid, nullable=False, unique=True, server_default=_random_uuid),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("lapinq_users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("user_agent", sa.Text),
    sa.Column("created_at", _timestamptz, nullable=False),
    sa.Column("seen_at", _timestamptz, nullable=False),
    sa.Index("lapinq_sessions_user_id", "user_id"),
)

login_tries = sa.Table(
    "lapinq_login_tries",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("since", _timestamptz, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Index("lapinq_login_tries_since", "since"),
)

api_keys = sa.Table(
    "lapinq_api_keys",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("key_hash", BYTEA, nullable=False, unique=True),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", _timestamptz, nullable=False),
    sa.Column("last_used_at", _timestamptz),
    sa.CheckConstraint("scopes <@ ARRAY['enqueue', 'read', 'manage']", name="lapinq_api_keys_scopes_check"),
)

audit = sa.Table(
    "lapinq_audit",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", _timestamptz, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.BigInteger),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text),
    sa.Column("details", JSONB),
    sa.Column("address", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.CheckConstraint(
        "actor_kind IN ('user', 'key', 'anonymous', 'command line')", name="lapinq_audit_actor_kind_check"
    ),
    sa.Index("lapinq_audit_at", "at"),
    sa.Index("lapinq_audit_actor", "actor", "id"),
    sa.Index("lapinq_audit_action", "action", "id"),
    sa.Index("lapinq_audit_target", "target", "id"),
)

idempotency_keys = sa.Table(
    "lapinq_idempotency_keys",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", BYTEA, nullable=False),
    sa.Column("task_ids", ARRAY(_uuid), nullable=False),
    sa.Column("created_at", _timestamptz, nullable=False),
    sa.Index("lapinq_idempotency_keys_created_at", "created_at"),
)

webhooks = sa.Table(
    "lapinq_webhooks",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("id", _uuid, nullable=False, unique=True, server_default=_random_uuid),
    sa.Column("task_id", _uuid, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("task_name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("host", sa.Text, sa.Computed(_HOST, persisted=True), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", _timestamptz),
    sa.Column("finished_at", _timestamptz, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_since", _timestamptz, nullable=False),
    sa.Column("due_at", _timestamptz, nullable=False),
    sa.Column("tried_at", _timestamptz),
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
