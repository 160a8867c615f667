"""Rules for notifications, their outbox, and the conditions that were already told."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB

from lapinq_core.schema.base import metadata, timestamptz

notify_rules = sa.Table(
    "lapinq_notify_rules",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("addresses", ARRAY(sa.Text)),
    sa.Column("events", ARRAY(sa.Text), nullable=False),
    sa.Column("queues", ARRAY(sa.Text)),
    sa.Column("backlog_seconds", DOUBLE_PRECISION, nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False, server_default="true"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("updated_at", timestamptz, nullable=False),
    sa.Column("next_at", timestamptz, nullable=False),
    sa.Column("taken_until", timestamptz),
    sa.Column("left_out", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint("kind IN ('webhook', 'slack', 'mail')", name="lapinq_notify_rules_kind_check"),
    sa.CheckConstraint(
        "(kind = 'mail') = (url IS NULL) AND (kind = 'mail') = (addresses IS NOT NULL)",
        name="lapinq_notify_rules_where_check",
    ),
    sa.CheckConstraint(
        "events <> '{}' AND events <@"
        " ARRAY['error.new', 'error.regressed', 'backlog', 'worker.dead', 'breaker', 'wait', 'blocked']",
        name="lapinq_notify_rules_events_check",
    ),
)

notices = sa.Table(
    "lapinq_notices",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "rule_id", sa.BigInteger, sa.ForeignKey("lapinq_notify_rules.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("details", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("tried_at", timestamptz),
    sa.Column("answer", sa.SmallInteger),
    sa.Column("failure", sa.Text),
    sa.CheckConstraint("state IN ('pending', 'sent', 'given_up')", name="lapinq_notices_state_check"),
    sa.Index("lapinq_notices_pending", "rule_id", "id", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("lapinq_notices_rule", "rule_id", "id"),
    sa.Index("lapinq_notices_ended", "tried_at", postgresql_where=sa.text("state <> 'pending'")),
)

notify_conditions = sa.Table(
    "lapinq_notify_conditions",
    metadata,
    sa.Column(
        "rule_id",
        sa.BigInteger,
        sa.ForeignKey("lapinq_notify_rules.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("event", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("since", timestamptz, nullable=False),
    sa.Column("told_at", timestamptz),
)
