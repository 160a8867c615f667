"""Lanes of queues, the state of keys, and named limits."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB

from lapinq_core.schema.base import BYTES, HOT, metadata, timestamptz, uuid

lanes = sa.Table(
    "lapinq_lanes",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("lane", BYTES, primary_key=True),
    sa.Column("names", BYTES, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("place", DOUBLE_PRECISION, nullable=False),
    sa.Column("head", uuid),
    sa.Column("opens_at", timestamptz),
    sa.Column("changed_at", timestamptz, nullable=False),
    sa.Index(
        "lapinq_lanes_open", "queue_name", "names", "rank", "place", postgresql_where=sa.text("is_open")
    ),
    sa.Index(
        "lapinq_lanes_opens_at", "queue_name", "opens_at", postgresql_where=sa.text("opens_at IS NOT NULL")
    ),
    postgresql_with=HOT,
)

keys = sa.Table(
    "lapinq_keys",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("key", BYTES, primary_key=True),
    sa.Column("virtual_time", DOUBLE_PRECISION, nullable=False, server_default="0"),
    sa.Column("tokens", DOUBLE_PRECISION),
    sa.Column("tokens_at", timestamptz),
    sa.Column("holder", uuid),
    sa.Column("changed_at", timestamptz, nullable=False),
    postgresql_with=HOT,
)

lane_news = sa.Table(
    "lapinq_lane_news",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("lanes", ARRAY(BYTES), nullable=False),
    sa.Column("returned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("rank", sa.BigInteger),
    postgresql_with=HOT,
)

limits = sa.Table(
    "lapinq_limits",
    metadata,
    sa.Column("name", BYTES, primary_key=True),
    sa.Column("max_running", sa.Integer),
    sa.Column("rate", JSONB),
    sa.Column("tokens", DOUBLE_PRECISION),
    sa.Column("tokens_at", timestamptz),
    sa.Column("closed_until", timestamptz),
    sa.Column("created_at", timestamptz, nullable=False),
    sa.Column("fence", sa.BigInteger),
    sa.Column("reserved_by", sa.Text),
    sa.Column("reserved_units", DOUBLE_PRECISION),
    sa.Column("reserved_until", timestamptz),
    sa.Column("source", sa.Text),
    sa.CheckConstraint("max_running >= 1", name="lapinq_limits_max_running_check"),
)

limit_news = sa.Table(
    "lapinq_limit_news",
    metadata,
    sa.Column("limit_name", BYTES, primary_key=True),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("units", DOUBLE_PRECISION, nullable=False, server_default="0"),
    sa.Column("closed_until", timestamptz),
    postgresql_with=HOT,
)
