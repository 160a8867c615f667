"""Workers, and their places in the fleet."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB

from lapinq_core.schema.base import metadata, timestamptz, uuid

workers = sa.Table(
    "lapinq_workers",
    metadata,
    sa.Column("id", uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hostname", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("queues", ARRAY(sa.Text)),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("lease_seconds", DOUBLE_PRECISION, nullable=False),
    sa.Column("started_at", timestamptz, nullable=False),
    sa.Column("beat_at", timestamptz, nullable=False),
    sa.Column("dead_at", timestamptz),
    sa.Column("memory_bytes", sa.BigInteger),
    sa.Column("running", sa.Integer),
    sa.Column("rate", DOUBLE_PRECISION),
    sa.Column("is_quiet", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("asked_to", sa.Text),
    sa.Column("asked_by", sa.Text),
    sa.Column("asked_at", timestamptz),
    sa.Column("jumped_at", timestamptz),
    sa.Column("jumped_seconds", DOUBLE_PRECISION),
    sa.Column("registered", JSONB),
    sa.Column("release", sa.Text),
    sa.Column("timeout_seconds", DOUBLE_PRECISION),
    sa.Column("blocked_seconds", DOUBLE_PRECISION),
    sa.CheckConstraint("asked_to IN ('quiet', 'stop')", name="lapinq_workers_asked_to_check"),
    postgresql_with={"fillfactor": "50"},
)

places = sa.Table(
    "lapinq_places",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("places", JSONB, nullable=False),
    sa.Column("counted_at", timestamptz, nullable=False),
)
