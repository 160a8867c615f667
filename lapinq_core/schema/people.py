"""Users, their sessions, logins, invitations and saved views, API keys, and the audit log."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB

from lapinq_core.schema.base import RANDOM_UUID, metadata, timestamptz, uuid

users = sa.Table(
    "lapinq_users",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("permissions", JSONB, nullable=False, server_default="{}"),
    sa.Column("has_default_password", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("reads", ARRAY(sa.Text)),
    sa.CheckConstraint("role IN ('admin', 'user')", name="lapinq_users_role_check"),
    sa.CheckConstraint("cardinality(reads) > 0", name="lapinq_users_reads_check"),
    sa.Index("lapinq_users_username", sa.text("lower(username)"), unique=True),
)

sessions = sa.Table(
    "lapinq_sessions",
    metadata,
    sa.Column("token_hash", BYTEA, primary_key=True),
    sa.Column("id", uuid, nullable=False, unique=True, server_default=RANDOM_UUID),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("lapinq_users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("user_agent", sa.Text),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("seen_at", timestamptz, nullable=False),
    sa.Index("lapinq_sessions_user_id", "user_id"),
)

invitations = sa.Table(
    "lapinq_invitations",
    metadata,
    sa.Column("token_hash", BYTEA, primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("lapinq_users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", timestamptz, nullable=False),
    sa.Column("used_at", timestamptz),
    sa.CheckConstraint("purpose IN ('invite', 'reset')", name="lapinq_invitations_purpose_check"),
    sa.Index("lapinq_invitations_user_id", "user_id"),
    sa.Index("lapinq_invitations_expires_at", "expires_at"),
)

views = sa.Table(
    "lapinq_views",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "owner_id", sa.BigInteger, sa.ForeignKey("lapinq_users.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("is_shared", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.UniqueConstraint("owner_id", "page", "name", name="lapinq_views_name_key"),
    sa.Index("lapinq_views_shared", "page", postgresql_where=sa.text("is_shared")),
)

login_tries = sa.Table(
    "lapinq_login_tries",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("since", timestamptz, nullable=False),
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
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("last_used_at", timestamptz),
    sa.Column("owner_id", sa.BigInteger, sa.ForeignKey("lapinq_users.id", ondelete="CASCADE")),
    sa.Column("queues", ARRAY(sa.Text)),
    sa.Column("expires_at", timestamptz),
    sa.CheckConstraint("cardinality(queues) > 0", name="lapinq_api_keys_queues_check"),
    sa.CheckConstraint(
        "scopes <@ ARRAY['enqueue', 'read', 'manage', 'schedule']", name="lapinq_api_keys_scopes_check"
    ),
)

audit = sa.Table(
    "lapinq_audit",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", timestamptz, nullable=False),
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
